//! A socket of an engine that a person asked for: `ENGINE=PATH`, the form of `--engine-socket`.

use crate::message::Shown as _;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::state::container::runtime::Runtime;

/// The names of engines that can be asked.
fn engines() -> String {
    let mut names: Vec<&str> = Runtime::with_engine().map(|(runtime, _)| runtime.name).collect();
    names.sort_unstable();
    names.join(", ")
}

/// Why a text names no socket.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketError {
    /// There is no engine, or no path.
    #[error(
        "expected an engine and the path of its socket\nhint: such as docker=/run/docker.sock; engines are {}",
        engines()
    )]
    Form,
    /// No engine of that name tells names.
    #[error("'{name}' is not a supported engine\nhint: engines are {}", engines())]
    Engine {
        /// What stands in front of the `=`.
        name: String,
    },
    /// What it means would depend on the working directory.
    #[error("the path '{0}' is not absolute\nhint: give an absolute path, such as /run/docker.sock")]
    Relative(String),
}

/// A socket of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSocket {
    /// Which engine listens there, the name of a [`Runtime`] with an engine.
    pub runtime: &'static str,
    /// Where: here, or below the host's root. Absolute.
    pub path: PathBuf,
}

impl FromStr for EngineSocket {
    type Err = SocketError;

    fn from_str(text: &str) -> Result<Self, SocketError> {
        let (name, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or(SocketError::Form)?;
        let known = Runtime::with_engine().map(|(runtime, _)| runtime.name).find(|runtime| *runtime == name);
        let runtime = known.ok_or_else(|| SocketError::Engine { name: name.to_owned() })?;
        // What DOCKER_HOST has in front of it is no part of the path.
        let path = path.strip_prefix("unix://").unwrap_or(path);
        if !Path::new(path).is_absolute() {
            return Err(SocketError::Relative(path.to_owned()));
        }
        Ok(Self { runtime, path: path.into() })
    }
}

impl fmt::Display for EngineSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.runtime, self.path.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_and_a_path_are_a_socket() {
        let socket: EngineSocket = "podman=/run/podman/podman.sock".parse().unwrap();
        assert_eq!((socket.runtime, socket.path.as_path()), ("podman", Path::new("/run/podman/podman.sock")));
        assert_eq!(socket.to_string(), "podman=/run/podman/podman.sock");
        assert_eq!("docker=unix:///a=b".parse::<EngineSocket>().unwrap().path, Path::new("/a=b"));
    }

    #[test]
    fn what_is_none_is_explained() {
        let error = |text: &str| text.parse::<EngineSocket>().unwrap_err();
        assert_eq!(error("/run/docker.sock"), SocketError::Form);
        assert_eq!(error("docker="), SocketError::Form);
        assert_eq!(error("rkt=/run/rkt.sock"), SocketError::Engine { name: "rkt".to_owned() });
        assert_eq!(error("docker=run/docker.sock"), SocketError::Relative("run/docker.sock".to_owned()));
        assert!(
            error("crio=/x")
                .to_string()
                .ends_with("\nhint: engines are containerd, cri, cri-o, docker, incus, lxd, podman")
        );
    }
}
