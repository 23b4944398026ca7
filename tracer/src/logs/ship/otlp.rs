//! OTLP logs as JSON: records of a batch, by container.
//!
//! Source: opentelemetry-proto, opentelemetry/proto/collector/logs/v1 and its mapping to JSON; names are those of the semantic conventions.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    http::{self, Headers, Outcome, Requests},
    protocol::{Carrier, Protocol, Rest, Scheme},
    queue::Record,
    target::unescaped,
};
use crate::{
    format::data::base64,
    logs::{Entry, Writer},
};

/// OTLP, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "OTLP",
    schemes: &[
        Scheme { name: "otlp+http", rest: Rest::Web(4318, "/v1/logs"), carrier: Carrier::Tcp },
        Scheme { name: "otlp+https", rest: Rest::Web(4318, "/v1/logs"), carrier: Carrier::Tls },
    ],
    options: &[],
    sends: "OTLP logs as JSON, one request at a time. `OTEL_EXPORTER_OTLP_HEADERS` has headers, such as tokens",
    arrives: http::ARRIVES,
    prepare: |asked| {
        let path = asked.path.clone();
        let usual = Arc::new(|| headers(&std::env::var(HEADERS).unwrap_or_default()));
        Ok(http::prepared(asked, path, usual, Arc::new(|| Ok(Box::new(Otlp { host: super::own_host() })))))
    },
};

/// Headers to send, `NAME=VALUE,…`, as all programs with OTLP have it.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// Severity of a gap, as text and as `SEVERITY_NUMBER_WARN`.
pub(super) const WARN: (&str, u8) = ("WARN", 13);

/// What [`HEADERS`] says. Names and values may have `%20` and the like.
fn headers(text: &str) -> Result<Headers, String> {
    let wrong = || format!("{HEADERS} is not NAME=VALUE,NAME=VALUE");
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        http::header(name.trim(), &unescaped(value.trim())).ok_or_else(wrong)
    });
    read.collect()
}

struct Otlp {
    /// What this machine is called.
    host: String,
}

impl Requests for Otlp {
    fn body(&mut self, records: &[Arc<Record>]) -> Vec<u8> {
        request(records.iter().map(|record| &**record), &self.host)
    }

    fn taken(&self, _: usize, answer: &[u8]) -> Result<Outcome, String> {
        Ok(Outcome::All(rejected(answer).into_iter().collect()))
    }
}

fn attribute(key: &str, value: &str) -> Option<Value> {
    (!value.is_empty()).then(|| json!({ "key": key, "value": { "stringValue": value } }))
}

/// Whose a record is, by the names of OpenTelemetry. What is not known is left out; a label may be empty.
pub(super) fn resource_of<'a>(writer: &'a Writer, host: &'a str) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
    let container = if writer.pod.is_empty() { "" } else { &writer.name };
    let fields = [
        ("host.name", host),
        ("container.id", &writer.full_id),
        ("container.name", &writer.name),
        ("container.image.name", &writer.image),
        ("container.runtime", &writer.runtime),
        ("k8s.namespace.name", &writer.namespace),
        ("k8s.pod.name", &writer.pod),
        ("k8s.container.name", container),
    ];
    let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let fields = fields.map(|(name, value)| (Cow::Borrowed(name), value));
    let labels = writer.labels.iter().map(|(name, value)| (format!("container.label.{name}").into(), value.as_str()));
    fields.chain(labels)
}

fn resource(writer: &Writer, host: &str) -> Value {
    let all: Vec<Value> = resource_of(writer, host).filter_map(|(name, value)| attribute(&name, value)).collect();
    json!({ "attributes": all })
}

fn log_record(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert("timeUnixNano".into(), record.time_ns().to_string().into());
    object.insert("observedTimeUnixNano".into(), record.read_ns.to_string().into());
    let mut attributes = Vec::new();
    let body = match &record.entry {
        Entry::Line(line) => {
            attributes.extend(attribute("log.iostream", line.stream.name()));
            if line.is_cut {
                attributes.push(json!({ "key": "tracer.truncated", "value": { "boolValue": true } }));
            }
            match std::str::from_utf8(&line.text) {
                Ok(text) => json!({ "stringValue": text }),
                Err(_) => {
                    let mut text = Vec::new();
                    base64(&line.text, &mut text);
                    json!({ "bytesValue": String::from_utf8_lossy(&text) })
                }
            }
        }
        Entry::Gap(why) => {
            object.insert("severityNumber".into(), WARN.1.into());
            object.insert("severityText".into(), WARN.0.into());
            attributes.extend(attribute("tracer.gap", why));
            json!({ "stringValue": format!("lines may be missing: {why}") })
        }
    };
    object.insert("body".into(), body);
    object.insert("attributes".into(), attributes.into());
    Value::Object(object)
}

/// `ExportLogsServiceRequest` with these records. Those of a container stay in their order.
fn request<'r>(records: impl Iterator<Item = &'r Record>, host: &str) -> Vec<u8> {
    let mut order: Vec<(&Writer, Vec<Value>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for record in records {
        let at = *known.entry(&record.writer.full_id).or_insert_with(|| {
            order.push((&record.writer, Vec::new()));
            order.len() - 1
        });
        order[at].1.push(log_record(record));
    }
    let scope = json!({ "name": "tracer", "version": env!("CARGO_PKG_VERSION") });
    let logs: Vec<Value> = order
        .into_iter()
        .map(|(writer, records)| {
            json!({ "resource": resource(writer, host), "scopeLogs": [{ "scope": scope, "logRecords": records }] })
        })
        .collect();
    serde_json::to_vec(&json!({ "resourceLogs": logs })).unwrap_or_default()
}

/// How many records of a batch that was accepted were not, and why: `partialSuccess` of the answer.
fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = answer.get("partialSuccess")?;
    // Numbers of 64 bits are texts in this mapping, and many write numbers.
    let count = partial.get("rejectedLogRecords")?;
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok()).filter(|count| *count > 0)?;
    Some((count, partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Line, Stream};

    #[test]
    fn records_are_by_container_and_in_order() {
        let writer = |id: &str| Arc::new(Writer { full_id: id.into(), name: id.into(), ..Writer::default() });
        let [a, b] = ["a", "b"].map(writer);
        let record = |writer: &Arc<Writer>, text: &[u8]| {
            let line = Line { time_ns: 7, stream: Stream::Err, text: text.into(), is_cut: false };
            Record { writer: Arc::clone(writer), entry: Entry::Line(line), read_ns: 8 }
        };
        let records = [record(&a, b"1"), record(&b, b"2"), record(&a, b"\xff")];
        let request: Value = serde_json::from_slice(&request(records.iter(), "host")).unwrap();
        let logs = request["resourceLogs"].as_array().unwrap();
        assert_eq!(logs.len(), 2);
        assert_eq!(logs[0]["resource"]["attributes"][0], json!({"key": "host.name", "value": {"stringValue": "host"}}));
        let records = &logs[0]["scopeLogs"][0]["logRecords"];
        assert_eq!(records[0]["body"], json!({"stringValue": "1"}));
        assert_eq!(records[1]["body"], json!({"bytesValue": "/w=="}));
        assert_eq!(records[0]["timeUnixNano"], "7");
        assert_eq!(records[0]["attributes"], json!([{"key": "log.iostream", "value": {"stringValue": "stderr"}}]));
    }

    #[test]
    fn headers_are_read_as_other_programs_do() {
        let read = headers("x-token=a%20b, other = c=d,").unwrap();
        let read: Vec<(&str, &[u8])> = read.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(read, [("x-token", &b"a b"[..]), ("other", b"c=d")]);
        assert!(headers("x").is_err() && headers("a b=c").is_err() && headers("a=%0a").is_err());
    }

    #[test]
    fn what_was_rejected_is_read() {
        let text = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
        assert_eq!(rejected(text), Some((3, "too old".to_owned())));
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedLogRecords":2}}"#), Some((2, String::new())));
        for none in [&b"{}"[..], b"", br#"{"partialSuccess":{"rejectedLogRecords":0,"errorMessage":"note"}}"#] {
            assert_eq!(rejected(none), None);
        }
    }
}
