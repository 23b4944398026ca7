//! ClickHouse: rows as `JSONEachRow`, in columns of the table that the OpenTelemetry collector makes (`otel_logs`).
//!
//! Source: <https://clickhouse.com/docs/interfaces/http>. A block with a row that cannot be read is refused as a whole, and nothing of it is kept.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    http::{self, Head, Outcome, Requests},
    otlp,
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    target::wrong,
};
use crate::logs::Entry;

/// ClickHouse, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "ClickHouse",
    schemes: &[
        Scheme { name: "clickhouse+http", rest: Rest::Web(8123, "/"), carrier: Carrier::Tcp },
        Scheme { name: "clickhouse+https", rest: Rest::Web(8443, "/"), carrier: Carrier::Tls },
    ],
    options: &[
        TargetOption {
            name: "table",
            values: "otel_logs, or TABLE or DATABASE.TABLE",
            about: "table to insert into",
            is_secret: false,
        },
        TargetOption {
            name: "async",
            values: "off, on",
            about: "whether the server collects small inserts before it writes them (`async_insert`)",
            is_secret: false,
        },
    ],
    sends: "rows as `JSONEachRow`: `Timestamp`, `SeverityText`, `SeverityNumber`, `ServiceName`, `Body`, `ResourceAttributes`, `LogAttributes`. Bytes that \
            are not UTF-8 become U+FFFD",
    arrives: "the server has inserted its block. Sent again after a broken connection and errors that pass, such as too many parts or a limit of memory; \
              after a broken connection rows may arrive twice",
    prepare: |asked| {
        let table = asked.option("table").unwrap_or_else(|| "otel_logs".to_owned());
        if !is_table(&table) {
            return Err(wrong("table", &table, "table=TABLE or table=DATABASE.TABLE"));
        }
        let settings = asked.choice("async", &[("off", ""), ("on", "async_insert=1&wait_for_async_insert=1&")])?;
        let path = format!("{}?{settings}query=INSERT%20INTO%20{table}%20FORMAT%20JSONEachRow", asked.path);
        let make =
            Arc::new(|| -> Result<Box<dyn Requests>, String> { Ok(Box::new(ClickHouse { host: super::own_host() })) });
        Ok(http::prepared(asked, path, http::no_headers(), make))
    },
};

/// The header with the number of an error.
const CODE: &str = "x-clickhouse-exception-code";
/// Errors that pass, or that people mend while lines wait. Source: ClickHouse, src/Common/ErrorCodes.cpp.
const LATER: [u32; 16] = [
    60,  // UNKNOWN_TABLE
    81,  // UNKNOWN_DATABASE
    159, // TIMEOUT_EXCEEDED
    160, // TOO_SLOW
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    241, // MEMORY_LIMIT_EXCEEDED
    242, // TABLE_IS_READ_ONLY
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
    999, // KEEPER_EXCEPTION
];
const SECOND: u64 = 1_000_000_000;

/// Whether that is the plain name of a table: it becomes a part of a query.
fn is_table(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    text.split('.').count() <= 2 && text.split('.').all(is_name)
}

struct ClickHouse {
    host: String,
}

impl ClickHouse {
    fn row(&self, record: &Record) -> Value {
        let writer = &record.writer;
        let named = otlp::resource_of(writer, &self.host);
        let resource: Map<String, Value> = named.map(|(name, value)| (name.into_owned(), value.into())).collect();
        let mut attributes = Map::from_iter([("log.iostream".to_owned(), record.stream().into())]);
        if record.is_cut() {
            attributes.insert("tracer.truncated".into(), "true".into());
        }
        let (mut severity, mut number) = ("", 0);
        if let Entry::Gap(why) = &record.entry {
            attributes.insert("tracer.gap".into(), why.as_ref().into());
            (severity, number) = otlp::WARN;
        }
        let time_ns = record.time_ns();
        json!({
            // Seconds and their fraction are a time in every zone, and a number of JSON has not enough digits.
            "Timestamp": format!("{:010}.{:09}", time_ns / SECOND, time_ns % SECOND),
            "SeverityText": severity,
            "SeverityNumber": number,
            "ServiceName": writer.name,
            "Body": record.words(),
            "ResourceAttributes": resource,
            "LogAttributes": attributes,
        })
    }
}

impl Requests for ClickHouse {
    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn body(&mut self, records: &[Arc<Record>]) -> Vec<u8> {
        let mut body = Vec::new();
        for record in records {
            // Memory can always be written.
            let _ = serde_json::to_writer(&mut body, &self.row(record));
            body.push(b'\n');
        }
        body
    }

    fn taken(&self, _: usize, _: &[u8]) -> Result<Outcome, String> {
        Ok(Outcome::All(Vec::new()))
    }

    fn passes(&self, head: &Head, answer: &[u8]) -> bool {
        let code = head.headers.get(CODE).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // Servers before 20.x say it in words alone: `Code: 60, …`.
        let said = || {
            let digits = answer.strip_prefix(b"Code: ")?;
            let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
            std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
        };
        match code.or_else(said) {
            Some(code) => LATER.contains(&code),
            None => {
                http::is_passing(head.status)
                    || http::is_about_setup(head.status)
                    || head.status == StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn is_split(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;
    use crate::logs::{Line, Stream, Writer};

    #[test]
    fn a_row_is_a_line() {
        let writer = Arc::new(Writer { full_id: "ab".into(), name: "web".into(), ..Writer::default() });
        let line = Line { time_ns: 7 * SECOND + 5, stream: Stream::Out, text: b"x\n\xff'".to_vec(), is_cut: false };
        let record = Record { writer, entry: Entry::Line(line), read_ns: 0 };
        let body = ClickHouse { host: "h".into() }.body(&[Arc::new(record)]);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "{\"Timestamp\":\"0000000007.000000005\",\"SeverityText\":\"\",\"SeverityNumber\":0,\"ServiceName\":\"web\",\
             \"Body\":\"x\\n\u{fffd}'\",\"ResourceAttributes\":{\"host.name\":\"h\",\"container.id\":\"ab\",\
             \"container.name\":\"web\"},\"LogAttributes\":{\"log.iostream\":\"stdout\"}}\n"
        );
    }

    #[test]
    fn a_table_is_a_name_and_nothing_more() {
        assert!(is_table("otel_logs") && is_table("logs.otel_logs2"));
        for wrong in ["", "a b", "a;", "a.b.c", "a.", "1a", "a%20b", "é"] {
            assert!(!is_table(wrong), "{wrong}");
        }
    }

    #[test]
    fn errors_pass_or_do_not() {
        let passes = |status: u16, code: Option<&'static str>, said: &str| {
            let mut headers = HeaderMap::new();
            if let Some(code) = code {
                headers.insert(CODE, code.parse().unwrap());
            }
            let head = Head { status: StatusCode::from_u16(status).unwrap(), headers };
            ClickHouse { host: String::new() }.passes(&head, said.as_bytes())
        };
        assert!(
            passes(500, Some("252"), "")
                && passes(500, None, "Code: 241, e.displayText() = …")
                && passes(500, None, "")
        );
        assert!(passes(404, Some("60"), "") && passes(403, None, "") && passes(503, None, ""));
        assert!(!passes(400, Some("27"), "") && !passes(500, Some("117"), "") && !passes(400, None, ""));
    }
}
