//! Where logs are sent, as people write it: a URL.
//!
//! A URL may have a password or a token. Those are never shown: not in messages about the target, and not in those about a wrong URL.

use std::{fmt, path::Path, str::FromStr, sync::Arc};

use crate::logs::LineFilter;

use super::protocol::{ALL, Asked, Prepared, Protocol, Rest, Scheme, forms};

/// What is shown in the place of a secret.
const SECRET: &str = "***";

/// What is wrong with such a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing is known by that name.
    #[error("'{0}' is not a target\nhint: targets are {list}", list = forms().join(", "))]
    Unknown(String),
    /// There is no host.
    #[error("'{0}' names no host\nhint: such as syslog+tcp://10.0.0.5:514")]
    Host(String),
    /// A path after the host of a target that has none.
    #[error("'{0}' has a path, and this target takes none\nhint: such as syslog+tcp://10.0.0.5:514")]
    NoPath(String),
    /// A path that cannot be one.
    #[error("the path of '{0}' has characters that URLs cannot have\nhint: write a blank as %20")]
    WrongPath(String),
    /// A user for a target that has none.
    #[error("'{0}' has a user, and this target takes none")]
    NoUser(String),
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
        expected: String,
    },
    /// The filter after it is wrong.
    #[error("{0}")]
    Filter(String),
    /// A file is no path.
    #[error("'{0}' has no absolute path\nhint: such as file:///var/log/containers.json")]
    Path(String),
}

/// A target.
#[derive(Clone)]
pub struct Target {
    /// As it was written, without secrets.
    pub url: String,
    /// What it is.
    pub protocol: &'static Protocol,
    /// Which lines it gets, and how that was written; all without it.
    pub wanted: Option<Arc<LineFilter>>,
    filter: String,
    /// Makes what sends to it.
    pub(super) prepared: Prepared,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.url).finish()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Target {
    /// What tells it from other targets, without secrets.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.url, self.filter)
    }

    /// Whether lines go to standard output, which has room for nothing else then.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        self.protocol.schemes.iter().any(|scheme| scheme.rest == Rest::Nothing)
    }
}

/// The protocol and the scheme of that name.
fn find(name: &str) -> Option<(&'static Protocol, &'static Scheme)> {
    ALL.iter().find_map(|protocol| Some((*protocol, protocol.schemes.iter().find(|scheme| scheme.name == name)?)))
}

/// A URL of which nothing is known, so that anything in it may be a secret.
fn unknown(text: &str) -> TargetError {
    let known = match text.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => text.split(['?', '@']).next().unwrap_or_default().to_owned(),
    };
    TargetError::Unknown(known)
}

/// Without the escapes of URLs.
pub fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    out
}

/// The same as text.
fn text(escaped: &str) -> String {
    String::from_utf8_lossy(&unescaped(escaped)).into_owned()
}

/// `host:port`; `None` if that is no host.
fn host(written: &str, port: u16) -> Option<String> {
    let has_port = written.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let name = written.rsplit_once(':').filter(|_| has_port).map_or(written, |(name, _)| name);
    let is_host = !name.is_empty() && !name.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    is_host.then(|| if has_port { written.to_owned() } else { format!("{written}:{port}") })
}

/// As it may be shown: without the password, and without values of options that are secret.
fn shown(before: &str, user: Option<&str>, after: &str, query: &[(&str, &str)], protocol: &Protocol) -> String {
    let mut out = before.to_owned();
    if let Some(user) = user {
        let name = user.split_once(':').map(|(name, _)| name);
        out.push_str(&name.map_or(format!("{SECRET}@"), |name| format!("{name}:{SECRET}@")));
    }
    out.push_str(after);
    for (at, (name, value)) in query.iter().enumerate() {
        let is_open = protocol.options.iter().any(|it| it.name == *name && !it.is_secret)
            || protocol.schemes.iter().flat_map(Scheme::options).any(|it| it.name == *name);
        let value = if is_open { value } else { SECRET };
        out.push_str(&format!("{}{name}={value}", if at == 0 { '?' } else { '&' }));
    }
    out
}

impl FromStr for Target {
    type Err = TargetError;

    /// A URL, and after a blank the filter for its lines.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (written, filter) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let target = Self::of_url(written)?;
        if filter.trim().is_empty() {
            return Ok(target);
        }
        let wanted = LineFilter::compile(filter).map_err(|error| {
            let hint = error.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            TargetError::Filter(format!("{target}: {error}{hint}"))
        })?;
        Ok(Self { wanted: Some(Arc::new(wanted)), filter: filter.trim().to_owned(), ..target })
    }
}

impl Target {
    fn of_url(written: &str) -> Result<Self, TargetError> {
        if written == "-" {
            return Self::of_url("stdout");
        }
        let (name, rest) = written.split_once("://").map_or((written, None), |(name, rest)| (name, Some(rest)));
        let (protocol, scheme) = find(name).ok_or_else(|| unknown(written))?;
        if rest.is_some() == (scheme.rest == Rest::Nothing) {
            return Err(unknown(written));
        }
        let rest = rest.unwrap_or_default();
        let mut asked = Asked { scheme, host: String::new(), path: String::new(), user: None, options: Vec::new() };
        let url = match scheme.rest {
            Rest::Nothing => written.to_owned(),
            Rest::Path => {
                asked.path = text(rest);
                if !Path::new(&asked.path).is_absolute() {
                    return Err(TargetError::Path(written.to_owned()));
                }
                written.to_owned()
            }
            Rest::Host(port) | Rest::Web(port, _) => {
                let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
                let query: Vec<(&str, &str)> = query
                    .split('&')
                    .filter(|it| !it.is_empty())
                    .map(|it| it.split_once('=').unwrap_or((it, "")))
                    .collect();
                let (authority, path) = before.find('/').map_or((before, ""), |at| before.split_at(at));
                let (user, place) =
                    authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
                let url = shown(&format!("{name}://"), user, &format!("{place}{path}"), &query, protocol);
                asked.host = host(place, port).ok_or_else(|| TargetError::Host(url.clone()))?;
                if path.parse::<hyper::http::uri::PathAndQuery>().is_err() && !path.is_empty() {
                    return Err(TargetError::WrongPath(url));
                }
                asked.path = match (scheme.rest, path) {
                    (Rest::Web(_, usual), "" | "/") => usual.to_owned(),
                    (Rest::Web(..), path) => path.to_owned(),
                    (_, "" | "/") => String::new(),
                    _ => return Err(TargetError::NoPath(url)),
                };
                asked.user = match (scheme.rest, user) {
                    (_, None) => None,
                    (Rest::Web(..), Some(user)) => {
                        let (name, password) = user.split_once(':').unwrap_or((user, ""));
                        Some((text(name), text(password)))
                    }
                    _ => return Err(TargetError::NoUser(url)),
                };
                asked.options = query.into_iter().map(|(name, value)| (name, text(value))).collect();
                url
            }
        };
        let prepared = (protocol.prepare)(&mut asked)?;
        if let Some((name, _)) = asked.options.first() {
            let mut known: Vec<&str> =
                protocol.options.iter().chain(scheme.options()).map(|option| option.name).collect();
            if known.is_empty() {
                known.push("none");
            }
            return Err(TargetError::Option { name: (*name).to_owned(), url, known });
        }
        Ok(Self { url, protocol, wanted: None, filter: String::new(), prepared })
    }
}

/// An option with a value that it cannot have.
pub fn wrong(name: &str, value: &str, expected: &str) -> TargetError {
    TargetError::Value { name: name.to_owned(), value: value.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn urls_name_targets() {
        for (url, name) in [
            ("otlp+http://10.0.0.5", "OTLP"),
            ("otlp+https://c:443/x/logs?ca=/ca.pem", "OTLP"),
            ("syslog+tcp://[::1]:5?format=rfc3164&framing=lines", "syslog"),
            ("syslog+udp://h", "syslog"),
            ("syslog+tls://h?ca=/ca.pem", "syslog"),
            ("file:///a/b", "JSON lines in a file"),
            ("-", "JSON lines on standard output"),
            ("stdout", "JSON lines on standard output"),
        ] {
            assert_eq!(url.parse::<Target>().unwrap().protocol.name, name, "{url}");
        }
        assert_eq!(host("h", 514), Some("h:514".into()));
        assert_eq!(host("[::1]:5", 514), Some("[::1]:5".into()));
    }

    #[test]
    fn what_is_wrong_with_one_is_said() {
        for (url, what) in [
            ("http://x", "is not a target"),
            ("10.0.0.5:514", "is not a target"),
            ("stdout://", "is not a target"),
            ("file", "is not a target"),
            ("syslog+tcp://:514", "names no host"),
            ("syslog+tcp://h\u{1}:514", "names no host"),
            ("syslog+tcp://h log contain x", "syslog+tcp://h: filter:"),
            ("syslog+tcp://h proc.name=x", "unknown field 'proc.name'"),
            ("syslog+tcp://u@h:514", "has a user"),
            ("syslog+tcp://h/x", "has a path"),
            ("syslog+udp://h?framing=lines", "option 'framing' is not supported"),
            ("syslog+tcp://h?format=json", "write format=rfc5424 or"),
            ("otlp+http://h?ca=/x", "option 'ca' is not supported"),
            ("file://x", "has no absolute path"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(what), "{url}: {error}");
        }
    }

    #[test]
    fn a_filter_may_come_after_a_url() {
        let target: Target = " file:///a%20b  stream=stderr and log contains x ".parse().unwrap();
        assert!(target.wanted.is_some() && target.url == "file:///a%20b");
        assert!("stdout ".parse::<Target>().unwrap().wanted.is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        for url in [
            "otlp+http://user:s3cret@h/x",
            "otlp+http://s3cret@h",
            "otlp+http://user:s3cret@",
            "otlp+http://h?token=s3cret",
            "otlp+https://user:s3@cret@h",
            "unknown://user:s3cret@h?x=s3cret",
            "unknown?token=s3cret",
        ] {
            let said = match url.parse::<Target>() {
                Ok(target) => format!("{target} {target:?}"),
                Err(error) => error.to_string(),
            };
            assert!(!said.contains("s3") && !said.contains("cret"), "{said}");
        }
        let target: Target = "otlp+http://user:p%40ss@h:1/x".parse().unwrap();
        assert_eq!(target.url, "otlp+http://user:***@h:1/x");
    }

    #[test]
    fn no_two_protocols_have_the_same_scheme_and_options_are_named_once() {
        let schemes: Vec<&Scheme> = ALL.iter().flat_map(|protocol| protocol.schemes).collect();
        let names: BTreeSet<&str> = schemes.iter().map(|scheme| scheme.name).collect();
        assert_eq!(names.len(), schemes.len());
        for protocol in ALL {
            for scheme in protocol.schemes {
                let all: Vec<&str> = protocol.options.iter().chain(scheme.options()).map(|it| it.name).collect();
                assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{}", scheme.name);
            }
        }
    }
}
