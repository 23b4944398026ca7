//! Where logs are sent, as people write it: a URL.

use std::{fmt, path::PathBuf, str::FromStr};

/// What is wrong with such a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing is known by that name.
    #[error(
        "'{0}' is not a target\nhint: targets are otlp+http://HOST:PORT, otlp+https://HOST:PORT, syslog+udp://HOST:PORT, \
         syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, file:///PATH and stdout"
    )]
    Unknown(String),
    /// There is no host.
    #[error("'{0}' names no host\nhint: such as syslog+tcp://10.0.0.5:514")]
    Host(String),
    /// An option that this target does not have.
    #[error("target option '{name}' is not supported by '{url}'\nhint: options are {}", .known.join(", "))]
    Option {
        /// The option.
        name: String,
        /// The URL.
        url: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// An option with another value.
    #[error("target option '{name}={value}' is not supported\nhint: write {expected}")]
    Value {
        /// The option.
        name: String,
        /// Its value.
        value: String,
        /// What can be written.
        expected: &'static str,
    },
    /// A file is no path.
    #[error("'{0}' has no absolute path\nhint: such as file:///var/log/containers.json")]
    Path(String),
}

/// The form of messages of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyslogForm {
    /// RFC 5424.
    #[default]
    Rfc5424,
    /// RFC 3164.
    Rfc3164,
}

/// How messages follow each other in a stream (RFC 6587).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// The length stands in front of each.
    #[default]
    Octets,
    /// A newline ends each.
    Lines,
}

/// What carries messages of syslog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection with TLS.
    Tls,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// OTLP over HTTP, as JSON.
    Otlp {
        /// `host:port`.
        host: String,
        /// Where to post.
        path: String,
        /// Whether with TLS.
        tls: bool,
    },
    /// Syslog.
    Syslog {
        /// `host:port`.
        host: String,
        /// What carries it.
        carrier: Carrier,
        /// How messages are written.
        form: SyslogForm,
        /// How they follow each other.
        framing: Framing,
    },
    /// A file, to which JSON lines are appended.
    File(PathBuf),
    /// Standard output, JSON lines.
    Stdout,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As it was written.
    pub url: String,
    /// What it is.
    pub kind: Kind,
    /// Who vouches for a server with TLS; the system's own list without it.
    pub ca: Option<PathBuf>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let target = |kind, ca| Self { url: url.to_owned(), kind, ca };
        if matches!(url, "stdout" | "-") {
            return Ok(target(Kind::Stdout, None));
        }
        let Some((scheme, rest)) = url.split_once("://") else { return Err(TargetError::Unknown(url.to_owned())) };
        if scheme == "file" {
            let path = PathBuf::from(rest);
            return if path.is_absolute() {
                Ok(target(Kind::File(path), None))
            } else {
                Err(TargetError::Path(url.into()))
            };
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = |port: u16| {
            let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            let name = host.rsplit_once(':').filter(|_| has_port).map_or(host, |(name, _)| name);
            let is_host = !name.is_empty() && !name.contains(['@', ' ']);
            let whole = if has_port { host.to_owned() } else { format!("{host}:{port}") };
            if is_host { Ok(whole) } else { Err(TargetError::Host(url.to_owned())) }
        };
        let mut options: Vec<(&str, &str)> =
            query.split('&').filter(|it| !it.is_empty()).map(|it| it.split_once('=').unwrap_or((it, ""))).collect();
        let mut option = |name: &str| options.iter().position(|(own, _)| *own == name).map(|at| options.remove(at).1);
        let carrier = match scheme {
            "syslog+udp" => Some(Carrier::Udp),
            "syslog+tcp" => Some(Carrier::Tcp),
            "syslog+tls" => Some(Carrier::Tls),
            _ => None,
        };
        let has_tls = matches!(scheme, "otlp+https" | "syslog+tls");
        let ca = if has_tls { option("ca").map(PathBuf::from) } else { None };
        let (kind, mut known) = match (scheme, carrier) {
            ("otlp+http" | "otlp+https", _) => {
                let path = if matches!(path, "" | "/") { "/v1/logs" } else { path };
                (Kind::Otlp { host: host(4318)?, path: path.to_owned(), tls: has_tls }, vec![])
            }
            (_, Some(carrier)) => {
                let form = match option("format") {
                    None | Some("rfc5424") => SyslogForm::Rfc5424,
                    Some("rfc3164") => SyslogForm::Rfc3164,
                    Some(value) => return Err(wrong("format", value, "format=rfc5424 or format=rfc3164")),
                };
                let mut known = vec!["format"];
                let mut framing = Framing::Octets;
                if carrier != Carrier::Udp {
                    known.push("framing");
                    framing = match option("framing") {
                        None | Some("octets") => Framing::Octets,
                        Some("lines") => Framing::Lines,
                        Some(value) => return Err(wrong("framing", value, "framing=octets or framing=lines")),
                    };
                }
                let host = host(if has_tls { 6514 } else { 514 })?;
                (Kind::Syslog { host, carrier, form, framing }, known)
            }
            _ => return Err(TargetError::Unknown(url.to_owned())),
        };
        if has_tls {
            known.push("ca");
        }
        if let Some((name, _)) = options.first() {
            if known.is_empty() {
                known.push("none");
            }
            return Err(TargetError::Option { name: (*name).to_owned(), url: url.to_owned(), known });
        }
        Ok(target(kind, ca))
    }
}

fn wrong(name: &str, value: &str, expected: &'static str) -> TargetError {
    TargetError::Value { name: name.to_owned(), value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_targets() {
        let kind = |url: &str| url.parse::<Target>().unwrap().kind;
        let otlp = |host: &str, path: &str, tls| Kind::Otlp { host: host.into(), path: path.into(), tls };
        assert_eq!(kind("otlp+http://10.0.0.5"), otlp("10.0.0.5:4318", "/v1/logs", false));
        assert_eq!(kind("otlp+https://c:443/x/logs?ca=/ca.pem"), otlp("c:443", "/x/logs", true));
        assert_eq!(
            kind("syslog+tcp://[::1]:5?format=rfc3164&framing=lines"),
            Kind::Syslog {
                host: "[::1]:5".into(),
                carrier: Carrier::Tcp,
                form: SyslogForm::Rfc3164,
                framing: Framing::Lines
            }
        );
        assert!(matches!(kind("syslog+udp://h"), Kind::Syslog { host, .. } if host == "h:514"));
        assert!(matches!(kind("syslog+tls://h"), Kind::Syslog { host, .. } if host == "h:6514"));
        assert_eq!(kind("file:///a/b"), Kind::File("/a/b".into()));
        assert_eq!((kind("-"), kind("stdout")), (Kind::Stdout, Kind::Stdout));
    }

    #[test]
    fn what_is_wrong_with_one_is_said() {
        for (url, what) in [
            ("loki://x", "is not a target"),
            ("10.0.0.5:514", "is not a target"),
            ("syslog+tcp://:514", "names no host"),
            ("syslog+tcp://u@h:514", "names no host"),
            ("syslog+udp://h?framing=lines", "option 'framing' is not supported"),
            ("syslog+tcp://h?format=json", "write format=rfc5424 or"),
            ("otlp+http://h?ca=/x", "option 'ca' is not supported"),
            ("file://x", "has no absolute path"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(what), "{url}: {error}");
        }
    }
}
