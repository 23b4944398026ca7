//! The web configuration file that exporters share: TLS, users, headers. Source: prometheus/exporter-toolkit,
//! docs/web-configuration.md.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hyper::header::{self, HeaderName, HeaderValue};
use tokio_rustls::TlsAcceptor;
use yaml_rust2::{ScanError, Yaml, YamlLoader};

use super::{Access, tls};
use crate::message::Shown as _;

/// The longest file, bytes.
const MAX_BYTES: u64 = 256 << 10;
/// How deep lists and maps may be in each other.
const MAX_DEPTH: usize = 32;

/// What protects the server.
#[derive(Default)]
pub(in crate::serve) struct Web {
    /// Who is talked to in TLS; `None` for nobody.
    pub(in crate::serve) tls: Option<TlsAcceptor>,
    /// Who may ask.
    pub(in crate::serve) access: Access,
    /// What answers have as well, or instead of what they have by themselves.
    pub(in crate::serve) headers: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").field("tls", &self.tls.is_some()).field("access", &self.access).finish_non_exhaustive()
    }
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// It cannot be read.
    #[error("cannot read '{}': {error}", .path.shown())]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is longer than such files are.
    #[error("'{}' is longer than {} KiB", .path.shown(), MAX_BYTES >> 10)]
    TooLong {
        /// Its path.
        path: PathBuf,
    },
    /// It is not YAML.
    #[error("'{}' is not YAML: {error}", .path.shown())]
    Yaml {
        /// Its path.
        path: PathBuf,
        /// Where, and why.
        error: ScanError,
    },
    /// A key or a value in it is wrong.
    #[error("'{}': {place}: {what}", .path.shown())]
    Wrong {
        /// Its path.
        path: PathBuf,
        /// The key.
        place: String,
        /// What is wrong.
        what: String,
    },
}

/// A key, and what is wrong there.
type Fault = (String, String);

impl Web {
    /// Reads the file; files that it names are relative to its folder.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub(in crate::serve) fn read(path: &Path) -> Result<Self, WebError> {
        let read = |path: &Path| -> Result<String, WebError> {
            let failed = |error| WebError::Read { path: path.to_owned(), error };
            if fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
                return Err(WebError::TooLong { path: path.to_owned() });
            }
            fs::read_to_string(path).map_err(failed)
        };
        let text = read(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &folder).map_err(|error| match error {
            ParseError::Yaml(error) => WebError::Yaml { path: path.to_owned(), error },
            ParseError::Wrong((place, what)) => WebError::Wrong { path: path.to_owned(), place, what },
        })
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, ParseError> {
        check_depth(text)?;
        let documents = YamlLoader::load_from_str(text).map_err(ParseError::Yaml)?;
        let mut web = Self::default();
        let Some(document) = documents.first().filter(|document| !document.is_null()) else { return Ok(web) };
        for (key, value) in entries(document, "the file")? {
            match key {
                "tls_server_config" => web.tls = tls_of(value, folder)?,
                "basic_auth_users" => {
                    for (user, hash) in entries(value, key)? {
                        let place = format!("{key}.{user}");
                        let hash = hash.as_str().ok_or_else(|| wrong(&place, "expected a bcrypt hash"))?;
                        if hash.parse::<bcrypt::HashParts>().is_err() {
                            return Err(wrong(&place, "not a bcrypt hash; htpasswd -nBC 10 makes one"));
                        }
                        web.access.users.insert(user.to_owned(), hash.to_owned());
                    }
                }
                "http_server_config" => web.headers = headers_of(value)?,
                _ => return Err(wrong(key, "there is no such key")),
            }
        }
        Ok(web)
    }
}

/// What is wrong with the text.
#[derive(Debug)]
enum ParseError {
    Yaml(ScanError),
    Wrong(Fault),
}

fn wrong(place: &str, what: impl Into<String>) -> ParseError {
    ParseError::Wrong((place.to_owned(), what.into()))
}

/// Refuses a text that is nested so deeply that a parser which calls itself would use up its stack.
fn check_depth(text: &str) -> Result<(), ParseError> {
    let mut open: usize = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MAX_DEPTH {
            return Err(wrong("the file", "lists in lists are too deep"));
        }
    }
    let deepest = text.lines().map(|line| line.len() - line.trim_start_matches([' ', '-']).len()).max();
    if deepest.is_some_and(|indent| indent > 4 * MAX_DEPTH) {
        return Err(wrong("the file", "lists in lists are too deep"));
    }
    Ok(())
}

/// Keys and values of a map.
fn entries<'y>(value: &'y Yaml, place: &str) -> Result<Vec<(&'y str, &'y Yaml)>, ParseError> {
    let map = value.as_hash().ok_or_else(|| wrong(place, "expected keys and values"))?;
    map.iter()
        .map(|(key, value)| {
            let key = key.as_str().ok_or_else(|| wrong(place, "a key is not a text"))?;
            Ok((key, value))
        })
        .collect()
}

fn tls_of(value: &Yaml, folder: &Path) -> Result<Option<TlsAcceptor>, ParseError> {
    let mut options = tls::Options::default();
    let mut is_any = false;
    for (key, value) in entries(value, "tls_server_config")? {
        let place = format!("tls_server_config.{key}");
        let text = || value.as_str().ok_or_else(|| wrong(&place, "expected a text"));
        let path = || Ok::<_, ParseError>(folder.join(text()?));
        is_any = true;
        match key {
            "cert_file" => options.certificate = Some(tls::Source::File(path()?)),
            "key_file" => options.key = Some(tls::Source::File(path()?)),
            "cert" => options.certificate = Some(tls::Source::Text(text()?.to_owned())),
            "key" => options.key = Some(tls::Source::Text(text()?.to_owned())),
            "client_ca_file" => options.clients = Some(tls::Source::File(path()?)),
            "client_ca" => options.clients = Some(tls::Source::Text(text()?.to_owned())),
            "client_auth_type" => {
                options.asks = tls::Asks::by_name(text()?).ok_or_else(|| {
                    wrong(&place, format!("expected one of {}", tls::Asks::NAMES.map(|(name, _)| name).join(", ")))
                })?;
            }
            "min_version" => match text()? {
                "TLS13" => options.only_13 = true,
                "TLS12" => {}
                _ => return Err(wrong(&place, "expected TLS12 or TLS13")),
            },
            "max_version" => match text()? {
                "TLS12" => options.only_12 = true,
                "TLS13" => {}
                _ => return Err(wrong(&place, "expected TLS12 or TLS13")),
            },
            // The library chooses among good ones only.
            "cipher_suites" | "curve_preferences" | "prefer_server_cipher_suites" => {}
            "client_allowed_sans" => {
                return Err(wrong(
                    &place,
                    "not supported; sign the certificates of these clients by a CA of their own",
                ));
            }
            _ => return Err(wrong(&place, "there is no such key")),
        }
    }
    if !is_any {
        return Ok(None);
    }
    let acceptor = tls::acceptor(&options).map_err(|error| wrong("tls_server_config", error.to_string()))?;
    Ok(Some(acceptor))
}

/// Headers that may be set.
const HEADERS: [(&str, HeaderName); 5] = [
    ("Content-Security-Policy", header::CONTENT_SECURITY_POLICY),
    ("X-Frame-Options", header::X_FRAME_OPTIONS),
    ("X-Content-Type-Options", header::X_CONTENT_TYPE_OPTIONS),
    ("X-XSS-Protection", header::X_XSS_PROTECTION),
    ("Strict-Transport-Security", header::STRICT_TRANSPORT_SECURITY),
];

/// The headers of the part about HTTP; version 2 is never offered, whatever it says.
fn headers_of(value: &Yaml) -> Result<Vec<(HeaderName, HeaderValue)>, ParseError> {
    let mut headers = Vec::new();
    for (key, value) in entries(value, "http_server_config")? {
        let place = format!("http_server_config.{key}");
        match key {
            "http2" if value.as_bool().is_some() => {}
            "headers" => {
                for (name, value) in entries(value, &place)? {
                    let place = format!("{place}.{name}");
                    let (_, header) = HEADERS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                        wrong(&place, format!("expected one of {}", HEADERS.map(|(name, _)| name).join(", ")))
                    })?;
                    let text = value.as_str().ok_or_else(|| wrong(&place, "expected a text"))?;
                    let value = HeaderValue::from_str(text)
                        .map_err(|_| wrong(&place, "has characters that headers do not have"))?;
                    // Without a text it is not set.
                    headers.extend((!text.is_empty()).then(|| (header.clone(), value)));
                }
            }
            _ => return Err(wrong(&place, "there is no such key, or it has another type")),
        }
    }
    Ok(headers)
}

/// For fuzzing: any text is read or refused.
pub(in crate::serve) fn fuzz(text: &str) {
    let _ = Web::parse(text, Path::new("/nonexistent"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Web, Fault> {
        Web::parse(text, Path::new("/nonexistent")).map_err(|error| match error {
            ParseError::Wrong(fault) => fault,
            ParseError::Yaml(error) => ("yaml".into(), error.to_string()),
        })
    }

    #[test]
    fn users_are_read_with_their_hashes() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let web = parse(&format!(
            "basic_auth_users:\n  ann: {hash}\n  bob: \"{hash}\"\nhttp_server_config:\n  http2: false\n"
        ));
        let web = web.unwrap();
        assert_eq!((web.access.users.len(), web.tls.is_none(), web.access.is_closed()), (2, true, true));
        assert!(!parse("").unwrap().access.is_closed());
    }

    #[test]
    fn headers_are_read() {
        let text = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: \"\"\n";
        assert_eq!(parse(text).unwrap().headers, [(header::X_FRAME_OPTIONS, HeaderValue::from_static("deny"))]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, place, what) in [
            ("tls: {}\n", "tls", "there is no such key"),
            ("basic_auth_users:\n  ann: secret\n", "basic_auth_users.ann", "not a bcrypt hash"),
            ("basic_auth_users: [ann]\n", "basic_auth_users", "expected keys and values"),
            ("tls_server_config:\n  cert_file: a.pem\n", "tls_server_config", "key"),
            ("tls_server_config:\n  cert_file: a.pem\n  key_file: b.pem\n", "tls_server_config", "a.pem"),
            ("tls_server_config:\n  client_auth_type: Maybe\n", "tls_server_config.client_auth_type", "NoClientCert"),
            ("tls_server_config:\n  min_version: TLS10\n", "tls_server_config.min_version", "TLS12"),
            (
                "http_server_config:\n  headers:\n    X-Other: a\n",
                "http_server_config.headers.X-Other",
                "expected one of",
            ),
            (
                "http_server_config:\n  headers:\n    X-Frame-Options: \"a\\nb\"\n",
                "http_server_config.headers.X-Frame-Options",
                "characters",
            ),
            ("- a\n", "the file", "expected keys and values"),
            ("a: [\n", "yaml", ""),
        ] {
            let (at, said) = parse(text).unwrap_err();
            assert_eq!(at, place, "{text}");
            assert!(said.contains(what), "{text}: {said}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&format!("a:\n{}", "- ".repeat(100_000))).is_err());
    }
}
