//! What people ask of containerd: with CRI what kubelet started, with its own interface what is in other namespaces.

use serde_json::Value;

use super::{Containerd, OF_OTHERS};
use crate::state::container::engine::{
    api::Remote as _,
    ask::{MAX_ANSWER_MIB, MAX_ROWS, Question, Row, Told, Wish, row},
    cri::NO_PAST,
    endpoint::EndpointError,
    proto::{Message, bytes, number, text, texts},
};

/// `Status` of a task.
const STATES: [&str; 6] = ["unknown", "created", "running", "stopped", "paused", "pausing"];
/// Why there are no numbers.
const NO_STATS: &str = "it has no CRI service, which measures; tracer top -pc shows what containers use";

impl Containerd {
    /// Answers a question of a person.
    pub(super) async fn answer_to(&self, question: Question) -> Result<Told, EndpointError> {
        let mut told = match &self.cri {
            Some(cri) => cri.reply(question).await?,
            None => match question {
                Question::Version => Told::one(row([
                    ("version", self.version().number.clone().into()),
                    ("api", self.version().api.clone().into()),
                ])),
                Question::Info => Told::one(row([("version", self.version().number.clone().into())])),
                Question::Images | Question::Containers => Told::default(),
                Question::Stats => return Ok(Told::cannot(NO_STATS)),
            },
        };
        if !matches!(question, Question::Images | Question::Containers | Question::Info) {
            return Ok(told);
        }
        let namespaces = self.all_namespaces().await?;
        if question == Question::Info {
            let all: Value = namespaces.into_iter().map(Value::from).collect();
            told.rows.iter_mut().for_each(|row| drop(row.insert("namespaces".to_owned(), all.clone())));
            return Ok(told);
        }
        for namespace in namespaces.iter().filter(|namespace| self.is_own(namespace)) {
            let rows = match question {
                Question::Images => self.images(namespace).await?,
                _ => self.containers(namespace).await?,
            };
            told.rows.extend(rows);
            if told.rows.len() > MAX_ROWS {
                told.rows.truncate(MAX_ROWS);
                told.is_cut = true;
                break;
            }
        }
        Ok(told)
    }

    /// All namespaces, those of others included.
    async fn all_namespaces(&self) -> Result<Vec<String>, EndpointError> {
        let all = self.ask("/containerd.services.namespaces.v1.Namespaces/List", "", &[], MAX_ANSWER_MIB).await?;
        Ok(all.iter().filter_map(|namespace| text(namespace, 1)).take(super::MAX_NAMESPACES).collect())
    }

    async fn images(&self, namespace: &str) -> Result<Vec<Row>, EndpointError> {
        let all = self.ask("/containerd.services.images.v1.Images/List", namespace, &[], MAX_ANSWER_MIB).await?;
        let image = |item: &Vec<u8>| {
            let digest = text(bytes(item, 3), 2);
            row([
                ("id", digest.map(|id| id.strip_prefix("sha256:").unwrap_or(&id).to_owned()).into()),
                ("tags", text(item, 1).into_iter().map(Value::from).collect()),
                ("created_s", number(bytes(item, 4), 1).into()),
                ("namespace", namespace.into()),
            ])
        };
        Ok(all.iter().map(image).collect())
    }

    async fn containers(&self, namespace: &str) -> Result<Vec<Row>, EndpointError> {
        let tasks = self.ask("/containerd.services.tasks.v1.Tasks/List", namespace, &[], MAX_ANSWER_MIB).await?;
        let state = |id: Option<&String>| {
            let task = tasks.iter().find(|task| text(task, 2).or_else(|| text(task, 1)).as_ref() == id);
            // Without a task nothing of it has started, or all has been cleaned up.
            task.map_or("stopped", |task| STATES.get(number(task, 4) as usize).unwrap_or(&STATES[0]))
        };
        let method = "/containerd.services.containers.v1.Containers/List";
        let all = self.ask(method, namespace, &[], MAX_ANSWER_MIB).await?;
        let container = |item: &Vec<u8>| {
            let (id, labels) = (text(item, 1), texts(item, 2));
            let name = labels.get(super::NERDCTL_NAME).or(id.as_ref()).cloned();
            row([
                ("state", state(id.as_ref()).into()),
                ("id", id.into()),
                ("name", name.into()),
                ("image", text(item, 3).into()),
                ("created_s", number(bytes(item, 8), 1).into()),
                ("namespace", namespace.into()),
                ("labels", Value::Object(labels.into_iter().map(|(name, value)| (name, value.into())).collect())),
            ])
        };
        Ok(all.iter().map(container).collect())
    }

    /// Passes events of all namespaces on, but not those of Docker, which tells them itself.
    pub(super) async fn tell_events(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        if !wish.follow {
            return Ok(Told::cannot(NO_PAST));
        }
        let topics = ["/containers/", "/tasks/", "/images/"];
        let filters = topics
            .iter()
            .fold(Message::default(), |all, topic| all.bytes(1, format!("topic~=\"^{topic}\"").as_bytes()));
        let method = "/containerd.services.events.v1.Events/Subscribe";
        let mut answer = self.channel.call(method, &[], &filters.finish(), true).await?;
        while let Some(envelope) = answer.message(&self.pace).await? {
            let namespace = text(&envelope, 2).unwrap_or_default();
            if !OF_OTHERS.contains(&namespace.as_str()) {
                to(event(&envelope, &namespace));
            }
        }
        Ok(Told::default())
    }
}

/// From an envelope: the time, and the thing by its id or name.
fn event(envelope: &[u8], namespace: &str) -> Row {
    let topic = text(envelope, 3).unwrap_or_default();
    let mut words = topic.split('/').skip(1);
    let kind = match words.next() {
        Some("images") => "image",
        Some("tasks") => "task",
        _ => "container",
    };
    let (time, event) = (bytes(envelope, 1), bytes(bytes(envelope, 4), 2));
    let time_ns = number(time, 1).saturating_mul(1_000_000_000).saturating_add(number(time, 2));
    let is_exit = topic == "/tasks/exit";
    let image = if topic == "/containers/create" { text(event, 2) } else { None };
    row([
        ("time_ns", time_ns.into()),
        ("type", kind.into()),
        ("action", words.next().unwrap_or_default().into()),
        ("id", text(event, 1).into()),
        ("image", image.into()),
        ("namespace", namespace.into()),
        ("exit_code", if is_exit { number(event, 4).to_string().into() } else { Value::Null }),
    ])
}
