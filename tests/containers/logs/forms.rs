//! What targets get, in the words of each protocol: read with every field that can be there, and no others.

use std::{
    collections::BTreeMap,
    io::{BufRead, Read as _, Write},
};

use rmpv::Value as Packed;
use serde::Deserialize;
use serde_json::Value;

use super::{
    collector::Taken,
    receiver::{Request, Shared, http},
};

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("not a text: {value}"))
}

/// An object of GELF 1.1.
pub fn gelf(bytes: &[u8]) -> Result<Taken, String> {
    let object: BTreeMap<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let field = |name: &str| object.get(name).ok_or_else(|| format!("no {name}"));
    for (name, value) in &object {
        let is_own = ["version", "host", "short_message", "full_message", "timestamp", "level"].contains(&&**name);
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let is_added = name.strip_prefix('_').is_some_and(|name| !name.is_empty() && name != "id" && is_name(name));
        if !(is_own || is_added && value.is_string()) {
            return Err(format!("a wrong field {name}: {value}"));
        }
    }
    let short = text(field("short_message")?)?;
    if text(field("version")?)? != "1.1" || text(field("host")?)?.is_empty() || short.trim().is_empty() {
        return Err(format!("a wrong head: {object:?}"));
    }
    let stream = text(field("_stream")?)?.to_owned();
    let level = if stream == "stdout" { 6 } else { 3 };
    if field("level")?.as_u64() != Some(level) || text(field("_container_id")?)?.len() != 64 {
        return Err(format!("a wrong level or id: {object:?}"));
    }
    let seconds = field("timestamp")?.as_f64().ok_or("no time")?;
    Ok(Taken {
        container: text(field("_container_name")?)?.to_owned(),
        stream,
        text: object.get("full_message").map_or(Ok(short), text)?.to_owned(),
        time_ns: (seconds * 1e3).round() as u64 * 1_000_000,
    })
}

/// GELF over a connection: a NUL after each object.
pub fn gelf_stream(reader: &mut dyn BufRead, _: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    loop {
        let mut bytes = Vec::new();
        reader.read_until(0, &mut bytes).map_err(|error| error.to_string())?;
        match bytes.pop() {
            None => return Ok(()),
            Some(0) => shared.take([gelf(&bytes)?]),
            Some(_) => return Err("an object without end".to_owned()),
        }
    }
}

/// Parts of messages of GELF, by the number of the message.
#[derive(Default)]
pub struct Parts {
    open: BTreeMap<[u8; 8], Vec<Option<Vec<u8>>>>,
}

impl Parts {
    /// Takes a datagram; the message, if it is whole with that.
    pub fn take(&mut self, datagram: &[u8]) -> Result<Option<Taken>, String> {
        let whole = if let Some(rest) = datagram.strip_prefix(&[0x1e, 0x0f]) {
            let (number, rest) = rest.split_first_chunk::<8>().ok_or("a short part")?;
            let ([at, count], part) = rest.split_first_chunk::<2>().ok_or("a short part")?;
            if *count > 128 || at >= count || part.is_empty() || datagram.len() > 1_420 {
                return Err(format!("part {at} of {count}, {} bytes", datagram.len()));
            }
            let parts = self.open.entry(*number).or_insert_with(|| vec![None; usize::from(*count)]);
            if parts.len() != usize::from(*count) || parts[usize::from(*at)].replace(part.to_vec()).is_some() {
                return Err("a part that does not belong there".to_owned());
            }
            if parts.iter().any(Option::is_none) {
                return Ok(None);
            }
            self.open.remove(number).unwrap().into_iter().flatten().flatten().collect()
        } else {
            datagram.to_vec()
        };
        if whole[..2] != [0x1f, 0x8b] {
            return Err("it is not packed".to_owned());
        }
        let mut object = Vec::new();
        flate2::read::GzDecoder::new(&whole[..]).read_to_end(&mut object).map_err(|error| error.to_string())?;
        gelf(&object).map(Some)
    }
}

/// Plain lines: a token, the name of the container, the text.
pub fn lines(reader: &mut dyn BufRead, _: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if line.is_empty() {
            return Ok(());
        }
        let line = String::from_utf8(line).map_err(|error| error.to_string())?;
        let rest = line.strip_suffix('\n').ok_or("a line without end")?;
        let rest = rest.strip_prefix("t0k3n-of-the-test ").ok_or_else(|| format!("a line without token: {line}"))?;
        let (container, text) = rest.split_once(' ').ok_or_else(|| format!("a line without name: {line}"))?;
        if text.contains(['\0', '\r']) {
            return Err(format!("an end within a line: {line:?}"));
        }
        let stream = if text.starts_with("err") { "stderr" } else { "stdout" }.to_owned();
        shared.take([Taken { container: container.to_owned(), stream, text: text.to_owned(), time_ns: u64::MAX }]);
    }
}

fn entry(value: &Packed) -> Result<Taken, String> {
    let wrong = || format!("a wrong entry: {value}");
    let [Packed::Ext(0, time), Packed::Map(record)] = value.as_array().ok_or_else(wrong)?.as_slice() else {
        return Err(wrong());
    };
    let time: [u8; 8] = time.as_slice().try_into().map_err(|_| wrong())?;
    let (seconds, ns) =
        (u32::from_be_bytes(*time.first_chunk().unwrap()), u32::from_be_bytes(*time.last_chunk().unwrap()));
    let known = ["log", "source", "container_id", "container_name", "image_name", "runtime", "host", "labels"];
    if record.iter().any(|(name, _)| !name.as_str().is_some_and(|name| known.contains(&name))) {
        return Err(wrong());
    }
    let find = |name: &str| record.iter().find(|(own, _)| own.as_str() == Some(name)).map(|(_, value)| value);
    let text = |name: &str| find(name).and_then(Packed::as_str).map(str::to_owned).ok_or_else(wrong);
    if text("container_id")?.len() != 64 || text("host")?.is_empty() || ns >= 1_000_000_000 {
        return Err(wrong());
    }
    let line = match find("log").ok_or_else(wrong)? {
        Packed::Binary(bytes) if std::str::from_utf8(bytes).is_err() => String::from_utf8_lossy(bytes).into_owned(),
        Packed::String(text) => text.as_str().ok_or_else(wrong)?.to_owned(),
        _ => return Err(wrong()),
    };
    Ok(Taken {
        container: text("container_name")?,
        stream: text("source")?,
        text: line,
        time_ns: u64::from(seconds) * 1_000_000_000 + u64::from(ns),
    })
}

/// Fluent Forward: each batch is acknowledged but for the third, after which the connection ends without a word.
pub fn fluent(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    acknowledging(reader, writer, shared, Some(2))
}

/// Fluent Forward: each batch is acknowledged.
pub fn calm_fluent(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    acknowledging(reader, writer, shared, None)
}

fn acknowledging(
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
    shared: &Shared,
    silent: Option<usize>,
) -> Result<(), String> {
    loop {
        if reader.fill_buf().map_err(|error| error.to_string())?.is_empty() {
            return Ok(());
        }
        let message = rmpv::decode::read_value(&mut &mut *reader).map_err(|error| error.to_string())?;
        let wrong = || format!("a wrong message: {message}");
        let [Packed::String(tag), Packed::Binary(entries), Packed::Map(options)] =
            message.as_array().ok_or_else(wrong)?.as_slice()
        else {
            return Err(wrong());
        };
        let [(size, Packed::Integer(count)), (chunk, Packed::String(word))] = options.as_slice() else {
            return Err(wrong());
        };
        if tag.as_str() != Some("a.tag") || size.as_str() != Some("size") || chunk.as_str() != Some("chunk") {
            return Err(wrong());
        }
        let (mut rest, mut taken) = (entries.as_slice(), Vec::new());
        while !rest.is_empty() {
            taken.push(entry(&rmpv::decode::read_value(&mut rest).map_err(|error| error.to_string())?)?);
        }
        if count.as_u64() != Some(taken.len() as u64) || word.as_bytes().len() != 24 {
            return Err(wrong());
        }
        if Some(shared.number()) == silent {
            return Ok(());
        }
        shared.take(taken);
        let answer = Packed::Map(vec![(Packed::from("ack"), Packed::String(word.clone()))]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &answer).unwrap();
        // In two pieces, as connections may deliver them.
        let (first, second) = bytes.split_at(5);
        for part in [first, second] {
            if writer.write_all(part).and_then(|()| writer.flush()).is_err() {
                return Ok(());
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    streams: Vec<LokiStream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LokiStream {
    stream: BTreeMap<String, String>,
    values: Vec<(String, String, BTreeMap<String, String>)>,
}

fn expect(request: &Request, first: &str, kind: &str) -> Result<(), String> {
    let is_right = request.first == first && request.headers.get("content-type").is_some_and(|own| own == kind);
    let is_right = is_right && request.headers.contains_key("host");
    is_right.then_some(()).ok_or_else(|| format!("a wrong head: {} {:?}", request.first, request.headers))
}

/// Loki, which refuses a request as a whole for a line that begins with `old`, although it keeps the others. Of the same line at the same time it
/// keeps one.
pub fn loki(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    http(reader, writer, |request| {
        expect(request, "POST /loki/api/v1/push HTTP/1.1", "application/json")?;
        if request.headers.get("x-scope-orgid").map(String::as_str) != Some("team a") {
            return Err(format!("no tenant: {:?}", request.headers));
        }
        let push: Push = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        let (mut taken, mut is_old) = (Vec::new(), false);
        for LokiStream { stream, values } in push.streams {
            let names: Vec<&str> = stream.keys().map(String::as_str).collect();
            if names != ["container", "host", "job", "stream"] || values.is_empty() {
                return Err(format!("wrong labels: {stream:?}"));
            }
            for (time, text, metadata) in values {
                if metadata.get("container_id").is_none_or(|id| id.len() != 64) {
                    return Err(format!("wrong metadata: {metadata:?}"));
                }
                is_old |= text.starts_with("old");
                let line = Taken {
                    container: stream["container"].clone(),
                    stream: stream["stream"].clone(),
                    text,
                    time_ns: time.parse().map_err(|_| format!("a wrong time: {time}"))?,
                };
                taken.extend((!line.text.starts_with("old")).then_some(line));
            }
        }
        let answer = match shared.number() {
            1 => return Ok(Some((429, "slower".to_owned()))),
            2 => return Ok(Some((500, String::new()))),
            _ if is_old => (400, "entry too far behind".to_owned()),
            _ => (204, String::new()),
        };
        shared.take_new(taken);
        Ok(Some(answer))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "@timestamp")]
    time: String,
    message: String,
    #[serde(rename = "host.name")]
    host: String,
    #[serde(rename = "log.iostream")]
    stream: String,
    #[serde(rename = "container.id")]
    id: String,
    #[serde(rename = "container.name")]
    name: String,
    #[serde(rename = "container.image.name")]
    image: String,
    #[serde(rename = "container.runtime")]
    runtime: String,
    #[serde(rename = "container.labels", default)]
    labels: BTreeMap<String, String>,
}

/// Elasticsearch, which is too busy for every third document of its second request, and cannot read those that begin with `old`.
pub fn elastic(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    http(reader, writer, |request| {
        let first = "POST /_bulk?filter_path=errors,items.*.status,items.*.error.type HTTP/1.1";
        expect(request, first, "application/x-ndjson")?;
        // user:pass word
        if request.headers.get("authorization").map(String::as_str) != Some("Basic dXNlcjpwYXNzIHdvcmQ=") {
            return Err(format!("no password: {:?}", request.headers));
        }
        let body = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
        let body = body.strip_suffix('\n').ok_or("no newline at the end")?;
        let all: Vec<&str> = body.split('\n').collect();
        let number = shared.number();
        let (mut items, mut taken, mut errors) = (Vec::new(), Vec::new(), false);
        for (at, pair) in all.chunks(2).enumerate() {
            let [action, document] = pair else { return Err("an action without document".to_owned()) };
            if *action != "{\"create\":{\"_index\":\"an-index\"}}" {
                return Err(format!("a wrong action: {action}"));
            }
            let document: Document = serde_json::from_str(document).map_err(|error| error.to_string())?;
            let is_right = document.id.len() == 64 && !document.host.is_empty() && document.runtime == "docker";
            if !is_right || document.image.is_empty() || document.labels.keys().any(|name| name.contains('.')) {
                return Err("a wrong document".to_owned());
            }
            if number == 1 && at % 3 == 0 {
                items.push("{\"create\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\"}}}");
            } else if document.message.starts_with("old") {
                items.push("{\"create\":{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\"}}}");
            } else {
                items.push("{\"create\":{\"status\":201}}");
                let time_ns = super::when::parse(&document.time).map_err(|error| error.to_string())?;
                taken.push(Taken {
                    container: document.name,
                    stream: document.stream,
                    text: document.message,
                    time_ns,
                });
                continue;
            }
            errors = true;
        }
        shared.take(taken);
        Ok(Some((200, format!("{{\"errors\":{errors},\"items\":[{}]}}", items.join(",")))))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Row {
    timestamp: String,
    severity_text: String,
    severity_number: u8,
    service_name: String,
    body: String,
    resource_attributes: BTreeMap<String, String>,
    log_attributes: BTreeMap<String, String>,
}

/// ClickHouse, which keeps nothing of a block with a row that it cannot read: one that begins with `old`.
pub fn clickhouse(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    http(reader, writer, |request| {
        let first = "POST /?query=INSERT%20INTO%20logs.lines%20FORMAT%20JSONEachRow HTTP/1.1";
        expect(request, first, "application/x-ndjson")?;
        if request.headers.get("x-clickhouse-key").map(String::as_str) != Some("of a file") {
            return Err(format!("no key: {:?}", request.headers));
        }
        let body = std::str::from_utf8(&request.body).map_err(|error| error.to_string())?;
        let body = body.strip_suffix('\n').ok_or("no newline at the end")?;
        let (mut taken, mut is_wrong) = (Vec::new(), false);
        for row in body.split('\n') {
            let row: Row = serde_json::from_str(row).map_err(|error| error.to_string())?;
            let (seconds, ns) = row.timestamp.split_once('.').ok_or("a wrong time")?;
            let is_right =
                seconds.len() == 10 && ns.len() == 9 && row.severity_number == 0 && row.severity_text.is_empty();
            let name = row.resource_attributes.get("container.name");
            if !is_right || name != Some(&row.service_name) || !row.resource_attributes.contains_key("host.name") {
                return Err(format!("a wrong row: {}", row.timestamp));
            }
            is_wrong |= row.body.starts_with("old");
            let stream = row.log_attributes.get("log.iostream").ok_or("no stream")?.clone();
            let time_ns = format!("{seconds}{ns}").parse().map_err(|_| "a wrong time")?;
            taken.push(Taken { container: row.service_name, stream, text: row.body, time_ns });
        }
        match shared.number() {
            1 => return Ok(Some((500, "Code: 252. DB::Exception: Too many parts".to_owned()))),
            // It has them, and nobody is told.
            2 if !is_wrong => {
                shared.take(taken);
                return Ok(None);
            }
            _ if is_wrong => return Ok(Some((400, "Code: 27. DB::Exception: Cannot parse input".to_owned()))),
            _ => shared.take(taken),
        }
        Ok(Some((200, String::new())))
    })
}

/// A server that takes nothing, and says how often it was asked.
pub fn refusing(reader: &mut dyn BufRead, writer: &mut dyn Write, shared: &Shared) -> Result<(), String> {
    http(reader, writer, |_| {
        shared.number();
        Ok(Some((400, "Code: 117. DB::Exception: Unknown field".to_owned())))
    })
}
