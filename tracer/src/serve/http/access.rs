//! Who may ask: the name that the client asked for, the page that it comes from, and what it knows.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
    http::uri::Authority,
};

use super::answer::Answer;

/// The most passwords that are remembered as right: checking one takes long by design.
const MAX_CHECKED: usize = 64;
/// A hash that fits no password: for unknown users the same work is done as for those that are known.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuPi3q/jWk4bHmNFszjdb3Hf1vpl2wjYO";

/// Who may ask.
#[derive(Debug, Default)]
pub(in crate::serve) struct Access {
    /// Names of this machine that clients may ask for, besides addresses and those of loopback.
    pub(in crate::serve) hosts: Vec<String>,
    /// Users and the hashes (bcrypt) of their passwords.
    pub(in crate::serve) users: HashMap<String, String>,
    /// A word that a client may know instead.
    pub(in crate::serve) token: Option<String>,
    /// Pairs of user, password and hash that were right.
    checked: Mutex<Vec<(String, String, String)>>,
}

impl Access {
    /// Whether clients have to know something.
    pub(in crate::serve) fn is_closed(&self) -> bool {
        !self.users.is_empty() || self.token.is_some()
    }

    /// Why a request is refused: for its name or its origin, which protects from pages of others that a browser has open. A request
    /// line may name a host too (RFC 9112, 3.2.2), which counts more than the header; neither may be another.
    pub(super) fn refuse_origin(
        &self,
        headers: &HeaderMap,
        target: Option<&Authority>,
        is_loopback: bool,
    ) -> Option<Answer> {
        let mut hosts = headers.get_all(header::HOST).into_iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Some(Answer::bad_request("a request has one Host header"));
        };
        let host = String::from_utf8_lossy(host.as_bytes()).into_owned();
        let names = [Some(&*host), target.map(Authority::as_str)].into_iter().flatten().map(name_of);
        if let Some(name) = names.into_iter().find(|name| !self.is_known(name, is_loopback)) {
            let message = format!(
                "this server is not called '{}'; allow the name with --allowed-host",
                crate::format::escape::escaped(name.as_bytes())
            );
            return Some(Answer::error(StatusCode::MISDIRECTED_REQUEST, &message));
        }
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        let is_own = |origin: &[u8]| {
            let origin = String::from_utf8_lossy(origin);
            origin.split_once("://").is_some_and(|(_, rest)| rest == host)
        };
        // A browser says where a page is from that embeds something, also where it sends no origin. A link may be followed from anywhere.
        let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let embeds = says("sec-fetch-site").is_some_and(|site| site != b"same-origin" && site != b"none")
            && says("sec-fetch-mode") != Some(b"navigate");
        (embeds || origin.is_some_and(|origin| !is_own(origin)))
            .then(|| Answer::error(StatusCode::FORBIDDEN, "pages of other origins may not ask"))
    }

    fn is_known(&self, name: &str, is_loopback: bool) -> bool {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = bare.parse().ok();
        // A browser that was lied to about an address still sends the name that it was asked for.
        match address {
            Some(address) => !is_loopback || address.is_loopback(),
            None => {
                let name = name.to_ascii_lowercase();
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(&name))
            }
        }
    }

    /// Why a request is refused: it does not say what it has to know. It may take a tenth of a second.
    pub(super) fn refuse_stranger(&self, headers: &HeaderMap) -> Option<Answer> {
        if !self.is_closed() || self.knows(headers) {
            return None;
        }
        let mut answer = Answer::error(StatusCode::UNAUTHORIZED, "a user and a password, or a token, are needed");
        let scheme = if self.users.is_empty() { "Bearer" } else { "Basic realm=\"tracer\", charset=\"UTF-8\"" };
        answer.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme)));
        Some(answer)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
        let Some((scheme, word)) = given.and_then(|given| given.split_once(' ')) else { return false };
        let word = word.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => self.token.as_ref().is_some_and(|token| equal(token.as_bytes(), word.as_bytes())),
            "basic" => {
                let Some(pair) = base64(word).and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
                pair.split_once(':').is_some_and(|(user, password)| self.is_right(user, password))
            }
            _ => false,
        }
    }

    fn is_right(&self, user: &str, password: &str) -> bool {
        let known = self.users.get(user);
        let hash = known.map_or(NOBODY, String::as_str);
        let is_it =
            |(a, b, c): &(String, String, String)| a == user && equal(b.as_bytes(), password.as_bytes()) && c == hash;
        if self.checked.lock().unwrap_or_else(PoisonError::into_inner).iter().any(is_it) {
            return true;
        }
        let right = bcrypt::verify(password, hash).unwrap_or(false) && known.is_some();
        if right {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.len() >= MAX_CHECKED {
                checked.clear();
            }
            checked.push((user.to_owned(), password.to_owned(), hash.to_owned()));
        }
        right
    }
}

/// The name in a `Host` header, without the port.
fn name_of(host: &str) -> &str {
    let port = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':') {
        Some((name, rest)) if port(rest) && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

/// Whether two words are the same; how long it takes does not depend on where they differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// The bytes of a text in base64 (RFC 4648).
fn base64(text: &str) -> Option<Vec<u8>> {
    crate::filter::transform::decode(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(header::HeaderName, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let access = Access { hosts: vec!["node7.example".into()], ..Access::default() };
        let is_refused = |host: &str, is_loopback| {
            access.refuse_origin(&headers(&[(header::HOST, host)]), None, is_loopback).is_some()
        };
        for host in
            ["localhost", "localhost:9938", "127.0.0.1:9938", "[::1]:9938", "tracer.localhost", "Node7.example:80"]
        {
            assert!(!is_refused(host, true), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9938", "10.0.0.7:9938", "", "[fe80::1]"] {
            assert!(is_refused(host, true), "{host}");
        }
        assert!(!is_refused("10.0.0.7:9938", false) && !is_refused("[fd00::7]:9938", false));
        assert!(is_refused("evil.example", false));
        assert!(access.refuse_origin(&HeaderMap::new(), None, true).is_some());
    }

    #[test]
    fn a_name_in_the_request_line_counts_too() {
        let access = Access::default();
        let refused = |target: &str| {
            let target: Authority = target.parse().unwrap();
            access.refuse_origin(&headers(&[(header::HOST, "localhost")]), Some(&target), true).map(|it| it.status)
        };
        assert_eq!((refused("localhost:9938"), refused("127.0.0.1")), (None, None));
        for target in ["evil", "localhost@evil", "evil@localhost", "evil:80", "10.0.0.1"] {
            assert_eq!(refused(target), Some(StatusCode::MISDIRECTED_REQUEST), "{target}");
        }
        let mut twice = headers(&[(header::HOST, "localhost")]);
        twice.append(header::HOST, HeaderValue::from_static("evil"));
        assert_eq!(access.refuse_origin(&twice, None, true).map(|it| it.status), Some(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let access = Access::default();
        let refused = |origin: &str| {
            let headers = headers(&[(header::HOST, "localhost:9938"), (header::ORIGIN, origin)]);
            access.refuse_origin(&headers, None, true).is_some()
        };
        assert!(!refused("http://localhost:9938") && !refused("https://localhost:9938"));
        assert!(refused("http://localhost:9939") && refused("https://evil.example") && refused("null"));
    }

    #[test]
    fn what_pages_of_others_embed_is_refused_and_their_links_work() {
        let access = Access::default();
        let refused = |site: &str, mode: &str| {
            let name = header::HeaderName::from_static;
            let of = [(header::HOST, "localhost:9938"), (name("sec-fetch-site"), site), (name("sec-fetch-mode"), mode)];
            access.refuse_origin(&headers(&of), None, true).is_some()
        };
        assert!(refused("cross-site", "no-cors") && refused("same-site", "cors") && refused("cross-site", "websocket"));
        assert!(!refused("cross-site", "navigate") && !refused("none", "navigate"));
        assert!(!refused("same-origin", "cors") && !refused("same-origin", "no-cors"));
    }

    #[test]
    fn passwords_and_tokens_are_asked_for() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        let access =
            Access { users: [("ann".to_owned(), hash)].into(), token: Some("word".into()), ..Access::default() };
        let refused =
            |given: &str| access.refuse_stranger(&headers(&[(header::AUTHORIZATION, given)])).map(|it| it.status);
        // ann:secret
        assert_eq!(refused("Basic YW5uOnNlY3JldA=="), None);
        assert_eq!(refused("basic YW5uOnNlY3JldA=="), None, "and once more");
        assert_eq!(refused("Bearer word"), None);
        // ann:wrong, bob:secret, and no user at all.
        for given in ["Basic YW5uOndyb25n", "Basic Ym9iOnNlY3JldA==", "Basic ###", "Bearer wor", "Bearer", "Digest x"] {
            assert_eq!(refused(given), Some(StatusCode::UNAUTHORIZED), "{given}");
        }
        assert!(access.refuse_stranger(&HeaderMap::new()).is_some());
        assert!(Access::default().refuse_stranger(&HeaderMap::new()).is_none());
    }
}
