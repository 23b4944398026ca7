//! Which containers' logs are wanted.

use super::Writer;
use crate::glob;

/// The fewest digits of an id that name a container.
const MIN_DIGITS: usize = 3;
/// Where Compose says which service a container is of.
const SERVICE: &str = "com.docker.compose.service";

/// What was asked for; everything when all of it is empty.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names or patterns: of the container, its pod, both as `POD/CONTAINER`, or its service in Compose; or the beginning of its id.
    pub names: Vec<String>,
    /// Labels that all have to be there: `NAME` or `NAME=VALUE`.
    pub labels: Vec<String>,
    /// Containers of pods by that name.
    pub container: Option<String>,
    /// Containers of pods in that namespace.
    pub namespace: Option<String>,
}

impl Selection {
    /// Whether that container is one of them.
    #[must_use]
    pub fn has(&self, writer: &Writer) -> bool {
        let label = |wanted: &String| match wanted.split_once('=') {
            Some((name, value)) => writer.labels.get(name).is_some_and(|own| own == value),
            None => writer.labels.contains_key(wanted),
        };
        (self.names.is_empty() || self.names.iter().any(|name| is_name(name, writer)))
            && self.labels.iter().all(label)
            && self.container.as_ref().is_none_or(|name| !writer.pod.is_empty() && matches(name, &writer.name))
            && self.namespace.as_ref().is_none_or(|name| matches(name, &writer.namespace))
    }

    /// Names that no container has.
    pub fn unknown<'s>(&'s self, writers: &[&Writer]) -> Vec<&'s str> {
        let is_known = |name: &str| writers.iter().any(|writer| is_name(name, writer));
        self.names.iter().map(String::as_str).filter(|name| !is_known(name)).collect()
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    glob::matches(pattern.as_bytes(), text.as_bytes(), false)
}

fn is_name(name: &str, writer: &Writer) -> bool {
    let name = name.trim_start_matches('/');
    let service = writer.labels.get(SERVICE).map_or("", String::as_str);
    let of_pod = if writer.pod.is_empty() { String::new() } else { writer.prefix() };
    let names = [writer.name.as_str(), writer.pod.as_str(), service, &of_pod];
    let is_digits = name.len() >= MIN_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    names.into_iter().any(|own| !own.is_empty() && matches(name, own))
        || is_digits && writer.full_id.starts_with(&name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn containers_are_chosen_by_what_people_call_them() {
        let web = Writer {
            full_id: "abc123def".into(),
            name: "shop-web-1".into(),
            labels: BTreeMap::from([(SERVICE.to_owned(), "web".to_owned()), ("tier".to_owned(), "front".to_owned())]),
            ..Writer::default()
        };
        let pod = Writer { name: "app".into(), pod: "api-0".into(), namespace: "prod".into(), ..web.clone() };
        let named = |name: &str| Selection { names: vec![name.to_owned()], ..Selection::default() };
        for name in ["shop-web-1", "/shop-web-1", "shop-*", "web", "abc1", "ABC1", "*"] {
            assert!(named(name).has(&web), "{name}");
        }
        for name in ["shop", "ab", "def", "api-0", ""] {
            assert!(!named(name).has(&web), "{name}");
        }
        assert!(named("api-0").has(&pod) && named("api-0/app").has(&pod) && named("api-*/a*").has(&pod));
        let labels = |labels: &[&str]| Selection {
            labels: labels.iter().map(|it| (*it).to_owned()).collect(),
            ..Selection::default()
        };
        assert!(labels(&["tier"]).has(&web) && labels(&["tier=front", SERVICE]).has(&web));
        assert!(!labels(&["tier=back"]).has(&web) && !labels(&["tier", "other"]).has(&web));
        let container =
            Selection { container: Some("app".into()), namespace: Some("prod".into()), ..Selection::default() };
        assert!(container.has(&pod) && !container.has(&web));
        let both = Selection { names: vec!["web".into(), "gone".into()], ..Selection::default() };
        assert_eq!(both.unknown(&[&web, &pod]), ["gone"]);
    }
}
