//! Receivers of logs: a collector of OTLP that takes nothing that is not exactly as the protocol says, and a real rsyslog.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde::Deserialize;
use tracer_tests::{scratch::Scratch, wait};

/// `ExportLogsServiceRequest`: the fields of opentelemetry-proto 1.x that can be there, and no others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResourceLogs {
    resource: Resource,
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ScopeLogs {
    scope: Scope,
    log_records: Vec<LogRecord>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LogRecord {
    time_unix_nano: String,
    observed_time_unix_nano: String,
    #[serde(default)]
    severity_number: u32,
    #[serde(default)]
    severity_text: String,
    body: AnyValue,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    value: AnyValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
enum AnyValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "bytesValue")]
    Bytes(String),
}

/// A line that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub container: String,
    pub stream: String,
    pub text: String,
    pub time_ns: u64,
}

/// How the next requests are answered, the last one for all that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Taken.
    Ok,
    /// This status, with nothing taken.
    Status(u16),
    /// The connection ends without an answer.
    Hangup,
    /// Taken but for so many at the end, with a reason.
    Partial(usize),
}

#[derive(Debug, Default)]
struct Shared {
    taken: Mutex<Vec<Taken>>,
    answers: Mutex<Vec<Answer>>,
    wrong: Mutex<Vec<String>>,
    over: AtomicBool,
}

/// A collector of OTLP over HTTP.
pub struct Collector {
    pub port: u16,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

fn text(value: &AnyValue) -> String {
    match value {
        AnyValue::Text(text) | AnyValue::Bytes(text) => text.clone(),
        AnyValue::Bool(is) => is.to_string(),
    }
}

fn decoded(body: &[u8]) -> Result<Vec<Taken>, String> {
    let request: Request = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    let find = |attributes: &[Attribute], key: &str| {
        attributes.iter().find(|it| it.key == key).map(|it| text(&it.value)).ok_or(format!("no {key}"))
    };
    for logs in request.resource_logs {
        let container = find(&logs.resource.attributes, "container.name")?;
        if find(&logs.resource.attributes, "container.id")?.len() != 64 {
            return Err("an id is no id".to_owned());
        }
        for scope in logs.scope_logs {
            if scope.scope.name != "tracer" || scope.scope.version.is_empty() {
                return Err("a wrong scope".to_owned());
            }
            for record in scope.log_records {
                if record.severity_number != 0 || !record.severity_text.is_empty() {
                    return Err(format!("a gap: {record:?}"));
                }
                let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
                number(&record.observed_time_unix_nano)?;
                all.push(Taken {
                    container: container.clone(),
                    stream: find(&record.attributes, "log.iostream")?,
                    text: text(&record.body),
                    time_ns: number(&record.time_unix_nano)?,
                });
            }
        }
    }
    Ok(all)
}

impl Shared {
    /// Answers the requests of one connection.
    fn attend(&self, reader: impl Read, mut writer: impl Write) -> Option<()> {
        let mut reader = BufReader::new(reader);
        loop {
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if line == "\r\n" {
                    break;
                }
                head.push(line.trim_end().to_ascii_lowercase());
            }
            let header = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let length = header("content-length:")?.parse().ok()?;
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let mut answer = {
                let mut answers = self.answers.lock().unwrap();
                if answers.len() > 1 { answers.remove(0) } else { answers.first().copied().unwrap_or(Answer::Ok) }
            };
            let is_right = head[0] == "post /v1/logs http/1.1" && header("content-type:") == Some("application/json");
            let all = if is_right { decoded(&body) } else { Err(format!("a wrong head: {head:?}")) };
            let mut all = all.unwrap_or_else(|why| {
                self.wrong.lock().unwrap().push(why);
                answer = Answer::Status(400);
                Vec::new()
            });
            let (status, said) = match answer {
                Answer::Ok => (200, "{\"partialSuccess\":{}}".to_owned()),
                Answer::Hangup => return None,
                Answer::Status(status) => {
                    all.clear();
                    (status, "{}".to_owned())
                }
                Answer::Partial(count) => {
                    let count = count.min(all.len());
                    all.truncate(all.len() - count);
                    let partial = format!("\"rejectedLogRecords\":\"{count}\",\"errorMessage\":\"too old\"");
                    (200, format!("{{\"partialSuccess\":{{{partial}}}}}"))
                }
            };
            self.taken.lock().unwrap().append(&mut all);
            let head =
                format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}", said.len());
            writer.write_all(format!("{head}\r\n\r\n{said}").as_bytes()).ok()?;
            writer.flush().ok()?;
        }
    }
}

impl Collector {
    /// One that listens, with these answers.
    pub fn start(answers: &[Answer]) -> Self {
        let shared = Arc::new(Shared { answers: Mutex::new(answers.to_vec()), ..Shared::default() });
        let mut this = Self { port: 0, shared, listening: None };
        this.start_again();
        this
    }

    /// One that is behind a server of TLS, for one connection.
    pub fn over_tls(server: &mut TlsServer) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let own = Arc::clone(&shared);
        let (reader, writer) = server.streams();
        let listening = Some(thread::spawn(move || _ = own.attend(reader, writer)));
        Self { port: server.port, shared, listening }
    }

    /// Listens again on the same port.
    pub fn start_again(&mut self) {
        let port = self.port;
        let listener = wait::until("a port", || TcpListener::bind(("127.0.0.1", port)).ok());
        self.port = listener.local_addr().unwrap().port();
        self.shared.over.store(false, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        self.listening = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                // One at a time, so that an end is the end of all.
                let Ok(writer) = stream.try_clone() else { continue };
                let _ = shared.attend(stream, writer);
            }
        }));
    }

    /// Listens no more, and ends connections at their next request.
    pub fn stop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        *self.shared.answers.lock().unwrap() = vec![Answer::Hangup, Answer::Ok];
        wait::until("the end of the connection", || {
            // It waits for a connection, or for a request.
            let _ = TcpStream::connect(("127.0.0.1", self.port));
            self.listening.as_ref().is_none_or(JoinHandle::is_finished).then_some(())
        });
        let _ = self.listening.take().map(JoinHandle::join);
    }

    /// The URL for it.
    pub fn url(&self) -> String {
        format!("otlp+http://127.0.0.1:{}", self.port)
    }

    /// What it has taken.
    ///
    /// # Panics
    /// If a request was not as it has to be.
    pub fn taken(&self) -> Vec<Taken> {
        let wrong = self.shared.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        self.shared.taken.lock().unwrap().clone()
    }
}

/// A server of TLS, with a certificate of its own for 127.0.0.1. What comes is its output, and its input is what it sends.
pub struct TlsServer {
    pub port: u16,
    scratch: Scratch,
    child: Child,
}

impl TlsServer {
    /// One that listens.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let scratch = Scratch::new();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        let script = format!(
            "set -e; openssl req -x509 {key} -keyout ca-key.pem -out ca.pem -subj /CN=authority -days 2
            openssl req -new {key} -keyout key.pem -out request -subj /CN=collector
            echo 'subjectAltName = IP:127.0.0.1' >extension
            openssl x509 -req -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -days 2 -extfile extension"
        );
        let made = Command::new("sh").args(["-c", &script]).current_dir(scratch.path("")).output().expect("a shell");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-naccept", "1", "-accept", &format!("127.0.0.1:{port}")])
            .args(["-key", "key.pem", "-cert", "cert.pem"])
            .current_dir(scratch.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl can be run");
        // A connection would be the only one that it takes.
        let listens = format!(":{port:04X} 00000000:0000 0A");
        wait::until("openssl to listen", || fs::read_to_string("/proc/net/tcp").ok()?.contains(&listens).then_some(()));
        Self { port, scratch, child }
    }

    /// Who vouches for it.
    pub fn ca(&self) -> String {
        self.scratch.path("ca.pem").display().to_string()
    }

    /// What comes, and what it sends.
    pub fn streams(&mut self) -> (ChildStdout, ChildStdin) {
        (self.child.stdout.take().unwrap(), self.child.stdin.take().unwrap())
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real rsyslog, which writes what it understands of each message to a file.
pub struct Rsyslog {
    pub port: u16,
    scratch: Scratch,
    child: Option<Child>,
}

impl Rsyslog {
    /// One that listens for datagrams and connections.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let scratch = Scratch::new();
        let format = "%pri%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n";
        let config = format!(
            "global(workDirectory=\"{0}\")\nmodule(load=\"imtcp\")\nmodule(load=\"imudp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             template(name=\"t\" type=\"string\" string=\"{format}\")\n\
             action(type=\"omfile\" file=\"{0}/out\" template=\"t\")\n",
            scratch.path("").display()
        );
        fs::write(scratch.path("conf"), config).unwrap();
        let mut this = Self { port, scratch, child: None };
        this.start_again();
        this
    }

    /// Starts it after it was killed, and waits until it listens.
    pub fn start_again(&mut self) {
        let _ = fs::remove_file(self.scratch.path("pid"));
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-f"]).arg(self.scratch.path("conf")).arg("-i").arg(self.scratch.path("pid"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("rsyslogd can be run"));
        wait::until("rsyslog to listen", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Kills it, without a chance to write what it has.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it has written: of each message priority, application, process, id, structured data, text.
    pub fn messages(&self) -> Vec<[String; 6]> {
        let text = fs::read(self.scratch.path("out")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter_map(|line| {
            let fields: Vec<String> = line.splitn(6, '|').map(str::to_owned).collect();
            fields.try_into().ok()
        });
        // What it says of itself.
        lines.filter(|fields: &[String; 6]| !fields[1].starts_with("rsyslogd")).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the program `name` may be that only root has in its path.
pub fn rsyslog_or_skip() -> bool {
    let places = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd"].map(PathBuf::from);
    places.iter().any(|place| place.is_file()) || tracer_tests::level::program_or_skip("rsyslogd")
}
