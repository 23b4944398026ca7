//! Elasticsearch and OpenSearch: documents by `_bulk`, each with an answer of its own.
//!
//! Source: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>; names of fields are those of ECS. Each document is a line of
//! JSON, which has no newline of its own.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    http::{self, Head, Outcome, Requests},
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::{Fate, Record},
    target::wrong,
};
use crate::logs::{Entry, print::time};

/// Elasticsearch, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "Elasticsearch",
    schemes: &[
        Scheme { name: "elastic+http", rest: Rest::Web(9200, ""), carrier: Carrier::Tcp },
        Scheme { name: "elastic+https", rest: Rest::Web(9200, ""), carrier: Carrier::Tls },
    ],
    options: &[TargetOption {
        name: "index",
        values: "logs-tracer-default, or an index or data stream",
        about: "where documents are created",
        is_secret: false,
    }],
    sends: "documents to `_bulk` of Elasticsearch or OpenSearch, with names of ECS: `@timestamp`, `message`, `log.iostream`, `host.name`, `container.*`, \
            `kubernetes.*`. Dots in names of labels become `_`. Bytes that are not UTF-8 become U+FFFD",
    arrives: "the server says so of that document. Documents that it answers with 429 or 503 are sent again, all others are counted as lost, by the type \
              of the error. After a broken connection all are sent again, and may arrive twice",
    prepare: |asked| {
        let index = asked.option("index").unwrap_or_else(|| "logs-tracer-default".to_owned());
        if index.is_empty() || index.chars().any(|c| c.is_whitespace() || c.is_control() || c.is_uppercase()) {
            return Err(wrong("index", &index, "index=NAME, in lower case"));
        }
        let base = asked.path.trim_end_matches('/');
        let path = if base.ends_with("/_bulk") { base.to_owned() } else { format!("{base}/_bulk") };
        let path = format!("{path}?filter_path=errors,items.*.status,items.*.error.type");
        let make = Arc::new(move || -> Result<Box<dyn Requests>, String> {
            Ok(Box::new(Elastic { host: super::own_host(), index: index.clone() }))
        });
        Ok(http::prepared(asked, path, http::no_headers(), make))
    },
};

/// The longest name of an error that is shown, characters.
const MAX_TYPE: usize = 80;
/// Statuses of documents that a server may take later.
const LATER: [u16; 2] = [429, 503];

struct Elastic {
    host: String,
    index: String,
}

#[derive(Deserialize)]
struct Answer {
    errors: bool,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    error: Option<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    r#type: Option<String>,
}

impl Elastic {
    fn document(&self, record: &Record) -> Value {
        let writer = &record.writer;
        let container = if writer.pod.is_empty() { "" } else { &writer.name };
        let mut object = Map::new();
        object.insert("@timestamp".into(), time(record.time_ns()).into());
        object.insert("message".into(), record.words().into());
        for (name, value) in [
            ("host.name", self.host.as_str()),
            ("log.iostream", record.stream()),
            ("container.id", &writer.full_id),
            ("container.name", &writer.name),
            ("container.image.name", &writer.image),
            ("container.runtime", &writer.runtime),
            ("kubernetes.namespace", &writer.namespace),
            ("kubernetes.pod.name", &writer.pod),
            ("kubernetes.container.name", container),
        ] {
            if !value.is_empty() {
                object.insert(name.into(), value.into());
            }
        }
        // A dot makes an object, and `app` cannot be a text and an object.
        let labels = writer.labels.iter().filter(|(name, _)| !name.is_empty());
        let labels: Map<String, Value> =
            labels.map(|(name, value)| (name.replace('.', "_"), value.as_str().into())).collect();
        if !labels.is_empty() {
            object.insert("container.labels".into(), labels.into());
        }
        if record.is_cut() {
            object.insert("log.truncated".into(), true.into());
        }
        if let Entry::Gap(why) = &record.entry {
            object.insert("log.level".into(), "warning".into());
            object.insert("tracer.gap".into(), why.as_ref().into());
        }
        Value::Object(object)
    }
}

impl Requests for Elastic {
    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn body(&mut self, records: &[Arc<Record>]) -> Vec<u8> {
        let action = json!({ "create": { "_index": self.index } }).to_string();
        let mut body = Vec::new();
        for record in records {
            body.extend_from_slice(action.as_bytes());
            body.push(b'\n');
            // Memory can always be written.
            let _ = serde_json::to_writer(&mut body, &self.document(record));
            body.push(b'\n');
        }
        body
    }

    fn taken(&self, count: usize, answer: &[u8]) -> Result<Outcome, String> {
        let wrong = || "its answer is not one of _bulk".to_owned();
        let answer: Answer = serde_json::from_slice(answer).map_err(|_| wrong())?;
        if !answer.errors {
            return Ok(Outcome::All(Vec::new()));
        }
        if answer.items.len() != count {
            return Err(wrong());
        }
        let fates = answer.items.into_iter().map(|Item { create: Created { status, error } }| match status {
            200..300 => Fate::Taken,
            status if LATER.contains(&status) => Fate::Later,
            status => {
                let kind = error.and_then(|error| error.r#type).unwrap_or_default();
                let kind: String = kind.chars().take(MAX_TYPE).collect();
                Fate::Lost(format!("{status} {kind}").trim_end().to_owned())
            }
        });
        Ok(Outcome::Each(fates.collect()))
    }

    fn passes(&self, head: &Head, _: &[u8]) -> bool {
        http::is_passing(head.status) || http::is_about_setup(head.status)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::logs::{Line, Stream, Writer};

    fn elastic() -> Elastic {
        Elastic { host: "h".into(), index: "i".into() }
    }

    #[test]
    fn a_document_is_a_line() {
        let labels = BTreeMap::from([("a.b".to_owned(), "1\n".to_owned()), ("a".to_owned(), "2".to_owned())]);
        let writer = Arc::new(Writer { full_id: "ab".into(), name: "web".into(), labels, ..Writer::default() });
        let line =
            Line { time_ns: 1_785_578_400_123_456_789, stream: Stream::Err, text: b"x\n\xff\0".to_vec(), is_cut: true };
        let body = elastic().body(&[Arc::new(Record { writer, entry: Entry::Line(line), read_ns: 0 })]);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "{\"create\":{\"_index\":\"i\"}}\n\
             {\"@timestamp\":\"2026-08-01T10:00:00.123456789Z\",\"message\":\"x\\n\u{fffd}\\u0000\",\"host.name\":\"h\",\
             \"log.iostream\":\"stderr\",\"container.id\":\"ab\",\"container.name\":\"web\",\
             \"container.labels\":{\"a\":\"2\",\"a_b\":\"1\\n\"},\"log.truncated\":true}\n"
        );
    }

    #[test]
    fn each_document_has_a_fate_of_its_own() {
        let taken = |count, text: &str| elastic().taken(count, text.as_bytes());
        assert_eq!(taken(2, r#"{"errors":false}"#), Ok(Outcome::All(Vec::new())));
        let items = r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":429,"error":{"type":"busy"}}},
            {"create":{"status":400,"error":{"type":"document_parsing_exception"}}},{"create":{"status":500}}]}"#;
        let lost = |why: &str| Fate::Lost(why.to_owned());
        let fates = vec![Fate::Taken, Fate::Later, lost("400 document_parsing_exception"), lost("500")];
        assert_eq!(taken(4, items), Ok(Outcome::Each(fates)));
        for wrong in [taken(3, items), taken(1, "{}"), taken(1, ""), taken(1, "<html>")] {
            assert!(wrong.is_err(), "{wrong:?}");
        }
    }
}
