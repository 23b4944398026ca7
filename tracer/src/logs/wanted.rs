//! Which lines are wanted: filters over what is known of a line.

use super::{Entry, Writer};
use crate::{
    fields::Value,
    filter::{FilterError, TextField, TextFilter},
};

/// The digits of an id, as other filters have them.
const ID_LEN: usize = 12;

/// A filter for lines.
#[derive(Debug)]
pub struct LineFilter(TextFilter<LineField>);

/// A field of a line, named as in JSON.
#[derive(Debug)]
enum LineField {
    Row(&'static Row),
    Label(Box<str>),
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    get: for<'l> fn(&'l Writer, &'l Entry) -> Option<&'l [u8]>,
    /// Whether it is of the line: a gap has no value then, and none can be known.
    of_line: bool,
}

fn text(text: &str) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text.as_bytes())
}

const FIELDS: [Row; 10] = [
    Row { name: "log", get: |_, entry| line(entry).map(|line| &*line.text), of_line: true },
    Row { name: "stream", get: |_, entry| line(entry).map(|line| line.stream.name().as_bytes()), of_line: true },
    Row {
        name: "container.id",
        get: |writer, _| text(writer.full_id.get(..ID_LEN).unwrap_or(&writer.full_id)),
        of_line: false,
    },
    Row { name: "container.full_id", get: |writer, _| text(&writer.full_id), of_line: false },
    Row { name: "container.name", get: |writer, _| text(&writer.name), of_line: false },
    Row { name: "container.image", get: |writer, _| text(&writer.image), of_line: false },
    Row { name: "container.type", get: |writer, _| text(&writer.runtime), of_line: false },
    Row { name: "k8s.ns.name", get: |writer, _| text(&writer.namespace), of_line: false },
    Row { name: "k8s.pod.name", get: |writer, _| text(&writer.pod), of_line: false },
    Row { name: "source", get: |writer, _| text(&writer.driver), of_line: false },
];

/// The field for a label, whose name comes after it.
const LABEL: &str = "container.label";

fn line(entry: &Entry) -> Option<&super::Line> {
    match entry {
        Entry::Line(line) => Some(line),
        Entry::Gap(_) => None,
    }
}

impl TextField for LineField {
    fn by_name(name: &str) -> Option<Self> {
        if let Some(label) = name.strip_prefix(LABEL) {
            let in_brackets = label.strip_prefix('[').and_then(|label| label.strip_suffix(']'));
            let label = in_brackets.map(|label| label.trim_matches(['"', '\''])).or_else(|| label.strip_prefix('.'))?;
            return (!label.is_empty()).then(|| Self::Label(label.into()));
        }
        FIELDS.iter().find(|row| row.name == name).map(Self::Row)
    }

    fn names() -> Vec<&'static str> {
        FIELDS.iter().map(|row| row.name).chain(["container.label[NAME]"]).collect()
    }

    fn is_id(&self) -> bool {
        matches!(self, Self::Row(row) if row.name == "container.id")
    }
}

impl LineFilter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// It does not follow the language, or has a field that lines do not have.
    pub fn compile(filter: &str) -> Result<Self, FilterError> {
        TextFilter::compile(filter).map(Self)
    }

    /// Whether that is wanted. That lines are missing is wanted unless what is known of the container says no.
    #[must_use]
    pub fn wants(&self, writer: &Writer, entry: &Entry) -> bool {
        let value = |field: &LineField| match field {
            LineField::Row(row) if row.of_line && line(entry).is_none() => None,
            LineField::Row(row) => Some((row.get)(writer, entry).map_or(Value::Missing, Value::text)),
            LineField::Label(name) => {
                Some(writer.labels.get(&**name).map_or(Value::Missing, |value| Value::text(value.as_bytes())))
            }
        };
        self.0.decide(&value) != Some(false)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::logs::{Line, Stream};

    #[test]
    fn lines_are_chosen_by_what_is_known_of_them() {
        let writer = Writer {
            full_id: "abcdef0123456789".repeat(4),
            name: "shop-web-1".into(),
            namespace: "prod".into(),
            labels: BTreeMap::from([("a.b/c".to_owned(), "d e".to_owned())]),
            ..Writer::default()
        };
        let entry = Entry::Line(Line { time_ns: 1, stream: Stream::Err, text: b"oh \xff no".to_vec(), is_cut: false });
        let gap = Entry::Gap("rotated".into());
        for (filter, of_line, of_gap) in [
            ("log contains oh", true, true),
            ("not log contains oh", false, true),
            ("stream=stderr and container.name glob shop-*", true, true),
            ("stream=stdout or container.name=other", false, true),
            ("container.name=other and stream=stderr", false, false),
            ("container.name in (a, shop-web-1)", true, true),
            ("container.id=abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", true, true),
            ("container.id=abcdef012345", true, true),
            ("container.label[a.b/c]='d e'", true, true),
            ("container.label[a.b/c] exists", true, true),
            ("container.label.x exists", false, false),
            ("k8s.pod.name exists", false, false),
            ("k8s.ns.name!=prod", false, false),
            (r"log regex 'oh .*no'", true, true),
        ] {
            let filter_of = LineFilter::compile(filter).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(filter_of.wants(&writer, &entry), of_line, "{filter}");
            assert_eq!(filter_of.wants(&writer, &gap), of_gap, "{filter}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (filter, what) in [
            ("proc.name=x", "unknown field 'proc.name'"),
            ("container.nam=x", "unknown field 'container.nam'"),
            ("container.label=x", "unknown field 'container.label'"),
            ("log", ""),
            ("tolower(log)=x", "transformers work on events"),
            ("log=val(stream)", "only constants"),
            ("log regex '('", "invalid regular expression"),
            ("stream < x", "number"),
        ] {
            let error = LineFilter::compile(filter).unwrap_err();
            assert!(error.to_string().contains(what), "{filter}: {error}");
        }
    }
}
