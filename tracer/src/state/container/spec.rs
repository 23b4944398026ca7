//! How a container was made, as far as its engine or a capture tells: mounts, probes, what it shares with the host, its pod.

use std::{collections::BTreeMap, fmt, path::PathBuf};

/// How a container was made. What is not known is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    /// Repository of the image, when it is told apart from the image.
    pub repository: Option<String>,
    /// Tag of the image, when it is told apart.
    pub tag: Option<String>,
    /// Digest of the image, when it is told apart.
    pub digest: Option<String>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Command that asks whether it is healthy.
    pub health_check: Option<Command>,
    /// Command that asks whether it lives, of Kubernetes.
    pub liveness_probe: Option<Command>,
    /// Command that asks whether it is ready, of Kubernetes.
    pub readiness_probe: Option<Command>,
    /// What the network plugin answered, JSON.
    pub cni_json: Option<String>,
    /// Whether it has the pid namespace of the host.
    pub host_pid: Option<bool>,
    /// Whether it has the network of the host.
    pub host_network: Option<bool>,
    /// Whether it has the IPC namespace of the host.
    pub host_ipc: Option<bool>,
    /// Id of the sandbox of its pod.
    pub sandbox_id: Option<String>,
    /// Its pod.
    pub pod: Pod,
    /// Where what it writes is kept.
    pub log: Option<Log>,
}

/// Where an engine keeps what a container writes to its standard output and error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// How: the log driver of Docker and Podman, `cri` in the form of Kubernetes; empty when the engine does not say it.
    pub driver: String,
    /// The file, if the engine names one.
    pub path: Option<PathBuf>,
    /// Docker's own folder of the container.
    pub folder: Option<PathBuf>,
}

impl Log {
    fn bytes(&self) -> usize {
        let path = |path: &Option<PathBuf>| path.as_ref().map_or(0, |path| path.as_os_str().len());
        self.driver.len() + path(&self.path) + path(&self.folder)
    }
}

impl Spec {
    /// How long its texts are that an engine tells.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let check: usize = self.health_check.iter().flat_map(|Command(words)| words).map(String::len).sum();
        let log = self.log.as_ref().map_or(0, Log::bytes);
        check
            + log
            + self.mounts.iter().map(|mount| size_of::<Mount>() + mount.bytes()).sum::<usize>()
            + self.pod.bytes()
    }

    /// Takes what a later answer says, and keeps what it does not say.
    pub fn update(&mut self, new: Self) {
        macro_rules! later {
            ($($option:ident),+) => { $(self.$option = new.$option.or(self.$option.take());)+ };
        }
        later!(repository, tag, digest, health_check, liveness_probe, readiness_probe, cni_json);
        later!(host_pid, host_network, host_ipc, sandbox_id, log);
        if !new.mounts.is_empty() {
            self.mounts = new.mounts;
        }
        self.pod.update(new.pod);
    }
}

/// The pod of a container, and what Kubernetes says of the container in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Labels of the pod: those of its sandbox.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    pub annotations: BTreeMap<String, String>,
    /// How often the container was started again in its pod.
    pub restarts: Option<u32>,
    /// Whether the container is the sandbox itself.
    pub is_sandbox: bool,
}

impl Pod {
    /// How long its texts are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let maps = [&self.labels, &self.annotations];
        let entry = |(name, value): (&String, &String)| 2 * size_of::<String>() + name.len() + value.len();
        maps.into_iter().flatten().map(entry).sum()
    }

    fn update(&mut self, new: Self) {
        for (new, own) in [(new.labels, &mut self.labels), (new.annotations, &mut self.annotations)] {
            if !new.is_empty() {
                *own = new;
            }
        }
        self.restarts = new.restarts.or(self.restarts);
        self.is_sandbox |= new.is_sandbox;
    }
}

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub source: String,
    /// Where.
    pub dest: String,
    /// Options.
    pub mode: String,
    /// Whether it may be written to.
    pub is_writable: bool,
    /// How mounts below it are passed on.
    pub propagation: String,
}

impl Mount {
    /// How long its texts are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.source.len() + self.dest.len() + self.mode.len() + self.propagation.len()
    }
}

impl fmt::Display for Mount {
    /// `source:dest:mode:writable:propagation`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}:{}", self.source, self.dest, self.mode, self.is_writable, self.propagation)
    }
}

/// A command of a probe: the program, then its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

impl Command {
    /// From the form of a health check, whose first word says how it is run. `None` when there is none.
    #[must_use]
    pub fn of_test(test: &[String]) -> Option<Self> {
        match test {
            [how, line] if how == "CMD-SHELL" => Some(Self(vec!["/bin/sh".into(), "-c".into(), line.clone()])),
            [how, command @ ..] if how == "CMD" && !command.is_empty() => Some(Self(command.to_vec())),
            _ => None,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The name of an image: `registry:5000/repository:tag@digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageName<'a> {
    /// Registry and repository.
    pub repository: &'a str,
    /// Tag, when it has one.
    pub tag: Option<&'a str>,
    /// Digest, when it has one.
    pub digest: Option<&'a str>,
}

impl<'a> ImageName<'a> {
    /// Takes a name apart.
    #[must_use]
    pub fn parse(image: &'a str) -> Self {
        let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
        // A colon in front of a slash belongs to the port of a registry.
        match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => Self { repository, tag: Some(tag), digest },
            _ => Self { repository: name, tag: None, digest },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_image_has_up_to_three_parts() {
        let parts = |image| {
            let name = ImageName::parse(image);
            (name.repository, name.tag, name.digest)
        };
        assert_eq!(parts("nginx"), ("nginx", None, None));
        assert_eq!(parts("nginx:1.25"), ("nginx", Some("1.25"), None));
        assert_eq!(parts("host:5000/a/b"), ("host:5000/a/b", None, None));
        assert_eq!(parts("host:5000/a/b:v1@sha256:77"), ("host:5000/a/b", Some("v1"), Some("sha256:77")));
    }

    #[test]
    fn a_health_check_says_how_it_is_run() {
        let test = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            Command::of_test(&words).map(|command| command.to_string())
        };
        assert_eq!(test(&["CMD-SHELL", "curl -f localhost"]).as_deref(), Some("/bin/sh -c curl -f localhost"));
        assert_eq!(test(&["CMD", "curl", "-f", "localhost"]).as_deref(), Some("curl -f localhost"));
        assert_eq!((test(&["NONE"]), test(&[]), test(&["CMD"])), (None, None, None));
    }
}
