//! The targets that there are. A new one is a file with a [`Protocol`], and its line in [`ALL`]: the parser of URLs, `--help` and the page of targets
//! are made from that.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use super::{
    clickhouse, elastic, files, fluent, gelf, lines, loki, otlp, syslog,
    target::{TargetError, wrong},
    worker::Transport,
};

/// All of them, in the order in which they are listed.
pub const ALL: &[&Protocol] = &[
    &otlp::PROTOCOL,
    &syslog::PROTOCOL,
    &gelf::PROTOCOL,
    &fluent::PROTOCOL,
    &lines::PROTOCOL,
    &loki::PROTOCOL,
    &elastic::PROTOCOL,
    &clickhouse::PROTOCOL,
    &files::FILE,
    &files::STDOUT,
];

/// A kind of target.
#[derive(Debug)]
pub struct Protocol {
    /// What it is called.
    pub name: &'static str,
    /// How URLs for it begin.
    pub schemes: &'static [Scheme],
    /// Options in URLs that only it has.
    pub options: &'static [TargetOption],
    /// What it sends, for people.
    pub sends: &'static str,
    /// When a line counts as arrived, and what comes after a failure, for people.
    pub arrives: &'static str,
    /// Reads what a URL asks for.
    pub prepare: fn(&mut Asked<'_>) -> Result<Prepared, TargetError>,
}

/// How a URL begins.
#[derive(Debug)]
pub struct Scheme {
    /// What stands before `://`.
    pub name: &'static str,
    /// What comes after it.
    pub rest: Rest,
    /// How it is sent.
    pub carrier: Carrier,
}

/// What comes after `://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// A host, whose port may be left out for this one.
    Host(u16),
    /// The same with a path, which may be left out for this one, and with `USER:PASSWORD@`.
    Web(u16, &'static str),
    /// A path.
    Path,
    /// Nothing, and no `://` either.
    Nothing,
}

/// What carries records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing of the network.
    Local,
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection with TLS.
    Tls,
}

/// An option in URLs.
#[derive(Debug, PartialEq, Eq)]
pub struct TargetOption {
    /// Its name.
    pub name: &'static str,
    /// What can be its value, for people. Without it, the first one that is not in capitals is taken.
    pub values: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Whether its value is shown to nobody.
    pub is_secret: bool,
}

/// Who vouches for servers with TLS.
pub const CA: TargetOption = TargetOption {
    name: "ca",
    values: "FILE",
    about: "certificate authorities to trust instead of the system's",
    is_secret: false,
};

/// Headers of requests.
pub const HEADERS: TargetOption = TargetOption {
    name: "headers",
    values: "FILE",
    about: "file with headers to send, one `NAME: VALUE` per line, such as tokens",
    is_secret: false,
};

impl Scheme {
    /// Options that it has besides those of its protocol.
    pub fn options(&self) -> impl Iterator<Item = &'static TargetOption> + use<> {
        let ca = (self.carrier == Carrier::Tls).then_some(&CA);
        let headers = matches!(self.rest, Rest::Web(..)).then_some(&HEADERS);
        headers.into_iter().chain(ca)
    }

    /// How it is written, for people.
    #[must_use]
    pub fn form(&self) -> String {
        match self.rest {
            Rest::Host(_) | Rest::Web(..) => format!("{}://HOST", self.name),
            Rest::Path => format!("{}:///PATH", self.name),
            Rest::Nothing => self.name.to_owned(),
        }
    }
}

/// How all targets are written, for people.
#[must_use]
pub fn forms() -> Vec<String> {
    ALL.iter().flat_map(|protocol| protocol.schemes).map(Scheme::form).collect()
}

/// The page of all targets, in Markdown.
pub fn describe(out: &mut String) {
    out.push_str("# Targets of `tracer logs --to`\n\n[logs.md](logs.md#sending-logs-elsewhere) explains how lines are sent, and has recipes.\n");
    for protocol in ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n## {}\n", protocol.name);
        for scheme in protocol.schemes {
            let usual = match scheme.rest {
                Rest::Host(port) => format!("`{}://HOST[:{port}]`", scheme.name),
                Rest::Web(port, path) => {
                    let path = if path.len() > 1 { format!("[{path}]") } else { "[/PATH]".to_owned() };
                    format!("`{}://[USER:PASSWORD@]HOST[:{port}]{path}`", scheme.name)
                }
                Rest::Path | Rest::Nothing => format!("`{}`", scheme.form()),
            };
            let _ = writeln!(out, "- {usual}");
        }
        let _ = writeln!(out, "\nSends {}.\n\n**Arrival:** {}.", protocol.sends, protocol.arrives);
        let mut options: Vec<&TargetOption> = protocol.options.iter().collect();
        for option in protocol.schemes.iter().flat_map(Scheme::options) {
            if !options.iter().any(|known| known.name == option.name) {
                options.push(option);
            }
        }
        if !options.is_empty() {
            let _ = writeln!(out, "\n| option | values | what it does |\n| --- | --- | --- |");
        }
        for TargetOption { name, values, about, .. } in options {
            let _ = writeln!(out, "| `{name}` | {values} | {about} |");
        }
    }
}

/// Makes what sends records. It is asked once, when everything else is known to be right.
pub type Prepared = Arc<dyn Fn() -> Result<Box<dyn Transport>, String> + Send + Sync>;

/// A URL in its parts.
pub struct Asked<'u> {
    /// How it begins.
    pub scheme: &'static Scheme,
    /// `host:port`; empty without a host.
    pub host: String,
    /// With a slash in front; empty without one.
    pub path: String,
    /// Name and password.
    pub user: Option<(String, String)>,
    /// Its options that nobody has taken.
    pub options: Vec<(&'u str, String)>,
}

impl Asked<'_> {
    /// The value of an option.
    pub fn option(&mut self, name: &str) -> Option<String> {
        let at = self.options.iter().position(|(own, _)| *own == name)?;
        Some(self.options.remove(at).1)
    }

    /// The one of these words that an option has; the first without it.
    ///
    /// # Errors
    /// It has another one.
    pub fn choice<T: Copy>(&mut self, name: &str, all: &[(&str, T)]) -> Result<T, TargetError> {
        let value = self.option(name);
        let value = value.as_deref().unwrap_or_else(|| all.first().map_or("", |(word, _)| word));
        let found = all.iter().find(|(word, _)| *word == value).map(|(_, it)| *it);
        let expected = || all.iter().map(|(word, _)| format!("{name}={word}")).collect::<Vec<_>>().join(" or ");
        found.ok_or_else(|| wrong(name, value, &expected()))
    }

    /// Who vouches for its server, if it has TLS.
    pub fn trust(&mut self) -> Option<Trust> {
        (self.scheme.carrier == Carrier::Tls).then(|| Trust { ca: self.option(CA.name).map(PathBuf::from) })
    }
}

/// Who vouches for a server with TLS.
#[derive(Debug, Clone)]
pub struct Trust {
    /// A file with authorities; the system's own list without it.
    pub ca: Option<PathBuf>,
}
