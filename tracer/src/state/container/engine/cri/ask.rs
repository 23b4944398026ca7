//! What people ask of runtimes that speak CRI.

use serde_json::Value;

use super::{CREATED, POD_NAME, POD_NAMESPACE, STARTED, client::Cri};
use crate::state::container::engine::{
    api::Remote as _,
    ask::{MAX_ANSWER_MIB, MAX_ROWS, Question, Row, Told, Wish, row},
    endpoint::EndpointError,
    grpc::UNIMPLEMENTED,
    http::HttpError,
    proto::{bytes, each, number, text, texts},
};

/// `ContainerState`.
const STATES: [&str; 4] = ["created", "running", "exited", "unknown"];
/// `ContainerEventType`: the others are `CREATED` and `STARTED`.
const STOPPED: u64 = 2;
/// The service for images, beside that for containers.
const IMAGES: &str = "ImageService";
/// Why there are no events of before.
pub(in super::super) const NO_PAST: &str = "it keeps no past events; -f follows new ones";

fn some(number: u64) -> Value {
    if number == 0 { Value::Null } else { number.into() }
}

impl Cri {
    /// Answers a question of a person.
    pub(super) async fn answer_to(&self, question: Question) -> Result<Told, EndpointError> {
        match question {
            Question::Version => Ok(Told::one(row([
                ("version", self.version().number.clone().into()),
                ("api", self.version().api.clone().into()),
            ]))),
            Question::Info => self.info().await,
            Question::Images => self.rows(&self.method_of(IMAGES, "ListImages"), image).await,
            Question::Containers => self.rows(&self.method("ListContainers"), container).await,
            Question::Stats => self.rows(&self.method("ListContainerStats"), stats).await,
        }
    }

    async fn rows(&self, method: &str, make: impl Fn(&[u8]) -> Row) -> Result<Told, EndpointError> {
        let mut told = Told::default();
        let visit = async |field, part: Vec<u8>| {
            if field == 1 {
                told.rows.push(make(&part));
            }
            told.is_cut = told.rows.len() >= MAX_ROWS;
            !told.is_cut
        };
        self.channel.ask(&self.pace, (method, &[]), &[], MAX_ANSWER_MIB, visit).await?;
        Ok(told)
    }

    /// Whether the runtime and its network are ready.
    async fn info(&self) -> Result<Told, EndpointError> {
        let answer = self.ask("Status", &[]).await?.unwrap_or_default();
        let mut fields = row([("version", self.version().number.clone().into())]);
        for condition in each(bytes(&answer, 1), 1) {
            let Some(name) = text(condition, 1) else { continue };
            let value = match number(condition, 2) {
                0 => format!("no: {}", text(condition, 4).or_else(|| text(condition, 3)).unwrap_or_default()),
                _ => "yes".to_owned(),
            };
            let name = match name.as_str() {
                "RuntimeReady" => "runtime_ready".to_owned(),
                "NetworkReady" => "network_ready".to_owned(),
                _ => name,
            };
            fields.insert(name, value.into());
        }
        let containers = self.rows(&self.method("ListContainers"), container).await?.rows;
        let images = self.rows(&self.method_of(IMAGES, "ListImages"), image).await?.rows;
        let running = containers.iter().filter(|row| row.get("state").is_some_and(|state| state == "running")).count();
        fields.extend(row([
            ("containers", containers.len().into()),
            ("running", running.into()),
            ("images", images.len().into()),
        ]));
        Ok(Told::one(fields))
    }

    /// Passes events on.
    pub(super) async fn tell_events(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        if !wish.follow {
            return Ok(Told::cannot(NO_PAST));
        }
        let method = self.method("GetContainerEvents");
        let mut answer = self.channel.call(&method, &[], &[], true).await?;
        loop {
            match answer.message(&self.pace).await {
                Ok(Some(message)) => to(event(&message)),
                Ok(None) => return Ok(Told::default()),
                Err(EndpointError::Http(HttpError::Grpc { status: UNIMPLEMENTED, .. })) => {
                    return Ok(Told::cannot("it has no events"));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn labels(message: &[u8], field: u64) -> Value {
    Value::Object(texts(message, field).into_iter().map(|(name, value)| (name, value.into())).collect())
}

/// From `Image`.
fn image(item: &[u8]) -> Row {
    let tags: Value = each(item, 2).map(|tag| String::from_utf8_lossy(tag).into_owned()).map(Value::from).collect();
    let id = text(item, 1).map(|id| id.strip_prefix("sha256:").unwrap_or(&id).to_owned());
    row([("id", id.into()), ("tags", tags), ("size_bytes", number(item, 4).into())])
}

/// From `Container`.
fn container(item: &[u8]) -> Row {
    let labels_of = texts(item, 8);
    row([
        ("id", text(item, 1).into()),
        ("name", text(bytes(item, 3), 1).into()),
        ("image", text(bytes(item, 4), 1).or_else(|| text(item, 5)).into()),
        ("state", (*STATES.get(number(item, 6) as usize).unwrap_or(&STATES[3])).into()),
        ("created_s", some(number(item, 7) / 1_000_000_000)),
        ("pod", labels_of.get(POD_NAME).cloned().into()),
        ("namespace", labels_of.get(POD_NAMESPACE).cloned().into()),
        ("labels", labels(item, 8)),
    ])
}

/// From `ContainerStats`.
fn stats(item: &[u8]) -> Row {
    let (attributes, cpu, memory) = (bytes(item, 1), bytes(item, 2), bytes(item, 3));
    // Whole nanoseconds of CPU time in a second.
    let per_second = number(bytes(cpu, 3), 1);
    let used = match number(bytes(memory, 4), 1) {
        0 => number(bytes(memory, 2), 1),
        usage => usage,
    };
    row([
        ("id", text(attributes, 1).into()),
        ("name", text(bytes(attributes, 2), 1).into()),
        ("image", Value::Null),
        ("cpu_ns", some(number(bytes(cpu, 2), 1))),
        ("cpu_percent", if per_second == 0 { Value::Null } else { (per_second as f64 / 1e7).into() }),
        ("memory_bytes", some(used)),
        ("layer_bytes", some(number(bytes(bytes(item, 4), 3), 1))),
    ])
}

/// From `ContainerEventResponse`.
fn event(message: &[u8]) -> Row {
    let action = match number(message, 2) {
        CREATED => "create",
        STARTED => "start",
        STOPPED => "die",
        _ => "destroy",
    };
    let id = text(message, 1);
    let status = each(message, 5).find(|status| text(status, 1) == id).unwrap_or_default();
    row([
        ("time_ns", some(number(message, 3))),
        ("type", "container".into()),
        ("action", action.into()),
        ("id", id.into()),
        ("name", text(bytes(status, 2), 1).into()),
        ("image", text(bytes(status, 8), 1).into()),
    ])
}
