//! Calls of CRI as kubelet makes them, over the socket of a runtime.

use std::path::{Path, PathBuf};

use h2::client;
use tokio::net::UnixStream;
use tracer::state::container::engine::proto::{Message, text};

/// A runtime that speaks CRI.
#[derive(Debug, Clone)]
pub struct Cri {
    socket: PathBuf,
}

/// What kubelet says of a pod.
#[derive(Debug, Clone, Default)]
pub struct PodConfig {
    /// Name of the pod.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its unique id.
    pub uid: String,
    /// The folder of its cgroup.
    pub cgroup: String,
    /// Labels that people, or a controller, gave it.
    pub labels: Vec<(String, String)>,
    /// Annotations.
    pub annotations: Vec<(String, String)>,
    /// The folder for the logs of its containers, if they are kept.
    pub logs: Option<PathBuf>,
}

/// A map entry.
pub(crate) fn entry(name: &str, value: &str) -> Vec<u8> {
    Message::default().bytes(1, name.as_bytes()).bytes(2, value.as_bytes()).finish()
}

impl PodConfig {
    /// The labels by which kubelet says whose a sandbox or container is.
    pub(crate) fn kubelet(&self) -> [(&'static str, &str); 3] {
        [
            ("io.kubernetes.pod.name", &self.name),
            ("io.kubernetes.pod.namespace", &self.namespace),
            ("io.kubernetes.pod.uid", &self.uid),
        ]
    }

    /// `PodSandboxConfig`, with the network of the node.
    fn message(&self) -> Vec<u8> {
        let metadata = Message::default()
            .bytes(1, self.name.as_bytes())
            .bytes(2, self.uid.as_bytes())
            .bytes(3, self.namespace.as_bytes());
        let network_of_node = Message::default().number(1, 2).finish();
        let security = Message::default().bytes(1, &network_of_node).finish();
        let linux = Message::default().bytes(1, self.cgroup.as_bytes()).bytes(2, &security);
        // Without a name of the host: that of the node is not the pod's to change.
        let mut message = Message::default().bytes(1, &metadata.finish());
        if let Some(logs) = &self.logs {
            message = message.bytes(3, logs.as_os_str().as_encoded_bytes());
        }
        let own = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(self.kubelet()) {
            message = message.bytes(6, &entry(name, value));
        }
        for (name, value) in &self.annotations {
            message = message.bytes(7, &entry(name, value));
        }
        message.bytes(8, &linux.finish()).finish()
    }
}

impl Cri {
    /// The runtime that listens there.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Calls a method of `RuntimeService`.
    ///
    /// # Errors
    /// What the runtime says, or why it says nothing.
    pub fn call(&self, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let stream = UnixStream::connect(&self.socket).await.map_err(|error| error.to_string())?;
            let (sender, connection) = client::handshake(stream).await.map_err(|error| error.to_string())?;
            let connection = tokio::spawn(connection);
            let head = hyper::Request::post(format!("http://localhost/runtime.v1.RuntimeService/{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .map_err(|error| error.to_string())?;
            let mut sender = sender.ready().await.map_err(|error| error.to_string())?;
            let (response, mut body) = sender.send_request(head, false).map_err(|error| error.to_string())?;
            let mut framed = vec![0; 5];
            framed[1..].copy_from_slice(&(request.len() as u32).to_be_bytes());
            framed.extend_from_slice(request);
            body.send_data(framed.into(), true).map_err(|error| error.to_string())?;
            let response = response.await.map_err(|error| error.to_string())?;
            let mut headers = response.headers().clone();
            let mut body = response.into_body();
            let mut answer = Vec::new();
            while let Some(piece) = body.data().await {
                let piece = piece.map_err(|error| error.to_string())?;
                let _ = body.flow_control().release_capacity(piece.len());
                answer.extend_from_slice(&piece);
            }
            headers.extend(body.trailers().await.map_err(|error| error.to_string())?.unwrap_or_default());
            drop(connection);
            match headers.get("grpc-status").map(hyper::header::HeaderValue::as_bytes) {
                Some(b"0") => Ok(answer.split_off(5.min(answer.len()))),
                status => Err(format!("{method}: status {status:?} {:?}", headers.get("grpc-message"))),
            }
        })
    }

    fn id(&self, method: &str, request: &[u8]) -> String {
        let answer = self.call(method, request).unwrap_or_else(|error| panic!("{error}"));
        text(&answer, 1).unwrap_or_else(|| panic!("{method} gives no id"))
    }

    /// Starts the sandbox of a pod and returns its id.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn run_pod(&self, pod: &PodConfig) -> String {
        self.id("RunPodSandbox", &Message::default().bytes(1, &pod.message()).finish())
    }

    /// Makes a container of a pod, as kubelet does the `attempt`th time, and returns its id. It does not run yet.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn create(
        &self,
        (pod, sandbox): (&PodConfig, &str),
        name: &str,
        attempt: u32,
        image: &str,
        command: &[&str],
    ) -> String {
        let metadata = Message::default().bytes(1, name.as_bytes()).number(2, attempt.into()).finish();
        let image = Message::default().bytes(1, image.as_bytes()).finish();
        let mut config = Message::default().bytes(1, &metadata).bytes(2, &image);
        for word in command {
            config = config.bytes(3, word.as_bytes());
        }
        for (label, value) in pod.kubelet().into_iter().chain([("io.kubernetes.container.name", name)]) {
            config = config.bytes(9, &entry(label, value));
        }
        let mut config = config.bytes(10, &entry("io.kubernetes.container.restartCount", &attempt.to_string()));
        if let Some(logs) = &pod.logs {
            // As kubelet does.
            std::fs::create_dir_all(logs.join(name)).expect("a folder for logs");
            config = config.bytes(11, format!("{name}/{attempt}.log").as_bytes());
        }
        // Its own pids, as of all pods that do not share them.
        let options = Message::default().number(1, 2).number(2, 1).finish();
        let security = Message::default().bytes(3, &options).finish();
        let config = config.bytes(15, &Message::default().bytes(2, &security).finish());
        let request =
            Message::default().bytes(1, sandbox.as_bytes()).bytes(2, &config.finish()).bytes(3, &pod.message());
        self.id("CreateContainer", &request.finish())
    }

    /// Starts a container that was made.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&self, container: &str) {
        let request = Message::default().bytes(1, container.as_bytes()).finish();
        self.call("StartContainer", &request).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Runs a command in a container, as probes and `kubectl exec` do.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn exec(&self, container: &str, command: &[&str]) {
        let request = Message::default().bytes(1, container.as_bytes());
        let request = command.iter().fold(request, |request, word| request.bytes(2, word.as_bytes()));
        self.call("ExecSync", &request.number(3, 10).finish()).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Ends a pod and removes what is left of it.
    pub fn remove_pod(&self, sandbox: &str) {
        let request = Message::default().bytes(1, sandbox.as_bytes()).finish();
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let _ = self.call(method, &request);
        }
    }
}
