//! Loki: streams of lines, each with a few labels, as JSON.
//!
//! Source: <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>. Loki keeps an index entry and a chunk for each set of labels,
//! so labels are chosen from a short list; ids, images and pods are structured metadata of each line.

use std::{collections::HashMap, sync::Arc};

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    http::{self, Head, Outcome, Requests},
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    target::wrong,
};
use crate::logs::Writer;

/// Loki, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "Loki",
    schemes: &[
        Scheme { name: "loki+http", rest: Rest::Web(3100, "/loki/api/v1/push"), carrier: Carrier::Tcp },
        Scheme { name: "loki+https", rest: Rest::Web(443, "/loki/api/v1/push"), carrier: Carrier::Tls },
    ],
    options: &[
        TargetOption {
            name: "labels",
            values: "host,container,namespace,stream, or others of host, container, namespace, pod, stream, image, runtime",
            about: "labels of streams, besides job=tracer",
            is_secret: false,
        },
        TargetOption {
            name: "metadata",
            values: "on, off",
            about: "whether what is not a label is structured metadata, which Loki has since 3.0",
            is_secret: false,
        },
        TargetOption { name: "tenant", values: "NAME", about: "X-Scope-OrgID", is_secret: false },
    ],
    sends: "pushes as JSON: a stream for each container and each of stdout and stderr, in order; id, image and pod as structured metadata. Bytes \
            that are not UTF-8 become U+FFFD",
    arrives: http::ARRIVES,
    prepare: |asked| {
        let written = asked.option("labels").unwrap_or_else(|| "host,container,namespace,stream".to_owned());
        let labels: Option<Vec<&Field>> =
            written.split(',').map(|name| FIELDS.iter().find(|field| field.name == name)).collect();
        let expected = || format!("labels=NAME,NAME of {}", FIELDS.map(|field| field.name).join(", "));
        let labels = labels.ok_or_else(|| wrong("labels", &written, &expected()))?;
        let has_metadata = asked.choice("metadata", &[("on", true), ("off", false)])?;
        let tenant = asked.option("tenant");
        let tenant = tenant.map(|name| {
            http::header("x-scope-orgid", name.as_bytes()).ok_or_else(|| wrong("tenant", &name, "tenant=NAME"))
        });
        let tenant = tenant.transpose()?;
        let make = Arc::new(move || -> Result<Box<dyn Requests>, String> {
            Ok(Box::new(Loki { host: super::own_host(), labels: labels.clone(), has_metadata }))
        });
        let usual = Arc::new(move || Ok(tenant.clone().into_iter().collect()));
        Ok(http::prepared(asked, asked.path.clone(), usual, make))
    },
};

/// The longest value of a label, characters; Loki takes 2,048 bytes.
const MAX_VALUE: usize = 500;

/// What can be a label, or metadata.
#[derive(Debug)]
struct Field {
    name: &'static str,
    value: for<'v> fn(&'v Record, &'v str) -> &'v str,
}

fn container(writer: &Writer) -> &str {
    &writer.name
}

const FIELDS: [Field; 7] = [
    Field { name: "host", value: |_, host| host },
    Field { name: "container", value: |record, _| container(&record.writer) },
    Field { name: "namespace", value: |record, _| &record.writer.namespace },
    Field { name: "pod", value: |record, _| &record.writer.pod },
    Field { name: "stream", value: |record, _| record.stream() },
    Field { name: "image", value: |record, _| &record.writer.image },
    Field { name: "runtime", value: |record, _| &record.writer.runtime },
];

struct Loki {
    host: String,
    labels: Vec<&'static Field>,
    has_metadata: bool,
}

fn short(text: &str) -> Value {
    text.chars().take(MAX_VALUE).collect::<String>().into()
}

impl Loki {
    fn labels_of(&self, record: &Record) -> Map<String, Value> {
        let mut labels = Map::from_iter([("job".to_owned(), "tracer".into())]);
        for field in &self.labels {
            let value = (field.value)(record, &self.host);
            if !value.is_empty() {
                labels.insert(field.name.to_owned(), short(value));
            }
        }
        labels
    }

    fn metadata_of(&self, record: &Record) -> Map<String, Value> {
        let mut metadata = Map::from_iter([("container_id".to_owned(), record.writer.full_id.as_str().into())]);
        for field in FIELDS.iter().filter(|field| !self.labels.iter().any(|label| label.name == field.name)) {
            let value = (field.value)(record, &self.host);
            if !value.is_empty() {
                metadata.insert(field.name.to_owned(), short(value));
            }
        }
        if record.is_cut() {
            metadata.insert("truncated".to_owned(), "true".into());
        }
        metadata
    }
}

impl Requests for Loki {
    fn body(&mut self, records: &[Arc<Record>]) -> Vec<u8> {
        let mut streams: Vec<(Map<String, Value>, Vec<Value>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for record in records {
            let labels = self.labels_of(record);
            let at = *known.entry(Value::Object(labels.clone()).to_string()).or_insert_with(|| {
                streams.push((labels, Vec::new()));
                streams.len() - 1
            });
            let mut value = vec![Value::from(record.time_ns().to_string()), record.words().into()];
            if self.has_metadata {
                value.push(Value::Object(self.metadata_of(record)));
            }
            streams[at].1.push(Value::Array(value));
        }
        let streams: Vec<Value> =
            streams.into_iter().map(|(labels, values)| json!({ "stream": labels, "values": values })).collect();
        serde_json::to_vec(&json!({ "streams": streams })).unwrap_or_default()
    }

    fn taken(&self, _: usize, _: &[u8]) -> Result<Outcome, String> {
        Ok(Outcome::All(Vec::new()))
    }

    fn passes(&self, head: &Head, _: &[u8]) -> bool {
        head.status == StatusCode::TOO_MANY_REQUESTS
            || head.status.is_server_error()
            || http::is_about_setup(head.status)
    }

    /// One line that is too old makes it refuse a request, although it keeps the others. Lines that come again are kept once.
    fn is_split(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Entry, Line, Stream};

    #[test]
    fn lines_are_in_streams_with_few_labels() {
        let writer = Arc::new(Writer {
            full_id: "ab".into(),
            name: "we\"b".into(),
            image: "i".repeat(9_000),
            ..Writer::default()
        });
        let record = |time_ns, stream, text: &[u8]| {
            let line = Line { time_ns, stream, text: text.into(), is_cut: false };
            Arc::new(Record { writer: Arc::clone(&writer), entry: Entry::Line(line), read_ns: 0 })
        };
        let labels = vec![&FIELDS[0], &FIELDS[1], &FIELDS[2], &FIELDS[4]];
        let mut loki = Loki { host: "h".into(), labels, has_metadata: true };
        let records = [record(5, Stream::Out, b"a\n\0\xff"), record(6, Stream::Err, b""), record(4, Stream::Out, b"b")];
        let body: Value = serde_json::from_slice(&loki.body(&records)).unwrap();
        let image = "i".repeat(MAX_VALUE);
        let metadata = json!({ "container_id": "ab", "image": image });
        let stream = |name: &str| json!({ "job": "tracer", "host": "h", "container": "we\"b", "stream": name });
        assert_eq!(
            body,
            json!({ "streams": [
                { "stream": stream("stdout"), "values": [["5", "a\n\0\u{fffd}", metadata], ["4", "b", metadata]] },
                { "stream": stream("stderr"), "values": [["6", "", metadata]] },
            ]})
        );
        loki.has_metadata = false;
        let body: Value = serde_json::from_slice(&loki.body(&records[..1])).unwrap();
        assert_eq!(body["streams"][0]["values"][0], json!(["5", "a\n\0\u{fffd}"]));
    }
}
