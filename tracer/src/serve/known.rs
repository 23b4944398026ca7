//! A container as it is told to others: what it is called, where it is from, which labels it may have.

use std::collections::BTreeMap;

use crate::{
    aggregate,
    fields::{self, CLASSES, FieldError, FieldRef, Show, Type, Value},
    state::{ContainerKey, State},
};

/// The longest name or value of a label, bytes: more is cut off.
const MAX_TEXT: usize = 128;

/// What is told of a container: a name for it, and the field that has it.
const FACTS: [(&str, &str); 17] = [
    ("id", "container.full_id"),
    ("short_id", "container.id"),
    ("name", "container.name"),
    ("image", "container.image"),
    ("image_id", "container.image.id"),
    ("runtime", "container.type"),
    ("namespace", "k8s.ns.name"),
    ("pod", "k8s.pod.name"),
    ("container", "k8s.container.name"),
    ("pod_uid", "k8s.pod.uid"),
    ("workload_kind", "k8s.workload.kind"),
    ("workload", "k8s.workload.name"),
    ("restarts", "k8s.container.restarts"),
    ("sandbox", "k8s.container.is_sandbox"),
    ("unit", "container.unit"),
    ("ip", "container.ip"),
    ("claimed", "container.claimed"),
];

/// The type of a fact.
pub(super) fn kind(fact: &str) -> Option<Type> {
    let (_, field) = FACTS.iter().find(|(name, _)| *name == fact)?;
    CLASSES.iter().flat_map(fields::Class::fields).find(|it| it.name == *field).map(|field| field.kind)
}

/// Those of them that `tracer_container_info` has as labels.
pub(super) const INFO: [&str; 11] = [
    "id",
    "name",
    "image",
    "image_id",
    "runtime",
    "namespace",
    "pod",
    "container",
    "pod_uid",
    "workload_kind",
    "workload",
];

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The path of its cgroup.
    pub(super) cgroup: String,
    /// What there is of [`FACTS`].
    pub(super) facts: BTreeMap<&'static str, String>,
    /// Its labels, those of people and of tools.
    pub(super) labels: BTreeMap<String, String>,
    /// Whether more may still be told.
    pub(super) is_pending: bool,
}

impl Known {
    /// A fact; empty when it is not known.
    pub(super) fn get(&self, name: &str) -> &str {
        self.facts.get(name).map_or("", String::as_str)
    }

    /// What it is called: by its pod, by its engine, or by its id.
    pub(super) fn title(&self) -> &str {
        ["name", "short_id", "id"].into_iter().map(|name| self.get(name)).find(|text| !text.is_empty()).unwrap_or("")
    }

    /// Whether it is only what an unprivileged user says.
    pub(super) fn is_claimed(&self) -> bool {
        self.get("claimed") == "true"
    }

    /// By what sums are kept that outlive it: its controller, or its own name; `None` while no name is known.
    pub(super) fn workload(&self) -> Option<String> {
        let (namespace, workload) = (self.get("namespace"), self.get("workload"));
        if !workload.is_empty() {
            return Some(format!("{namespace}/{workload}"));
        }
        Some(self.get("name").to_owned()).filter(|name| !name.is_empty())
    }
}

/// Looks at containers.
#[derive(Debug)]
pub(super) struct Looks {
    fields: Vec<(&'static str, FieldRef)>,
}

impl Looks {
    /// # Errors
    /// A field of ours does not exist.
    pub(super) fn new() -> Result<Self, FieldError> {
        let field = |(name, field): &(&'static str, &str)| Ok((*name, FieldRef::resolve(field, Show::PLAIN)?));
        Ok(Self { fields: FACTS.iter().map(field).collect::<Result<_, FieldError>>()? })
    }

    /// What is known of a container now.
    pub(super) fn at(&self, state: &State, key: ContainerKey, now_ns: u64) -> Known {
        let container = state.containers.get(key);
        let mut facts = BTreeMap::new();
        aggregate::with_row(state, now_ns, None, None, key, &mut |context| {
            for (name, field) in &self.fields {
                let mut text = Vec::new();
                match field.get(context) {
                    Value::Missing => continue,
                    value => value.write(field.field.digits, &mut text),
                }
                if !text.is_empty() {
                    facts.insert(*name, cut(&String::from_utf8_lossy(&text)));
                }
            }
        });
        let labels = container.labels.iter().map(|(name, value)| (cut(name), cut(value))).collect();
        let cgroup = state.containers.cgroup(key).to_owned();
        Known { cgroup, facts, labels, is_pending: state.containers.pending(key) }
    }
}

/// The text, or its beginning.
fn cut(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn facts_are_the_values_of_fields() {
        let world = World::new();
        let key = world.state.containers.by_id("0123456789ab").unwrap();
        let known = Looks::new().unwrap().at(&world.state, key, 0);
        assert_eq!((known.get("name"), known.get("runtime"), known.get("pod")), ("web", "docker", ""));
        assert_eq!((known.title(), known.workload().as_deref()), ("web", Some("web")));
        assert_eq!(["claimed", "sandbox", "restarts", "name", "x"].map(kind), {
            [Some(Type::Bool), Some(Type::Bool), Some(Type::Int), Some(Type::Text), None]
        });
        assert!(INFO.iter().all(|name| FACTS.iter().any(|(fact, _)| fact == name)));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(100)).len(), MAX_TEXT);
        assert_eq!(cut(&format!("x{}", "é".repeat(100))).len(), MAX_TEXT - 1);
        assert_eq!(cut("short"), "short");
    }
}
