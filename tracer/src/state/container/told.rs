//! What a capture file says of a container: the JSON text of its container events.

use std::collections::BTreeMap;

use serde_json::Value;

/// What an event says; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Id as it is shown.
    pub id: String,
    /// The whole id.
    pub full_id: String,
    /// Name without a slash in front.
    pub name: String,
    /// Image as it was started.
    pub image: String,
    /// Id of the image.
    pub image_id: String,
    /// Address in the engine's network.
    pub ip: String,
    /// Whether it is privileged.
    pub privileged: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Told {
    /// From the parameter of the event, with or without its final NUL. `None` when it is no such text, or names no id.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        let value = serde_json::from_slice::<Value>(json).ok()?;
        let container = value.get("container")?;
        let text = |name: &str| container.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = container.get("labels").and_then(Value::as_object).into_iter().flatten();
        let told = Self {
            id: text("id"),
            full_id: text("full_id"),
            name: text("name").trim_start_matches('/').to_owned(),
            image: text("image"),
            image_id: text("imageid"),
            ip: text("ip"),
            privileged: container.get("privileged").and_then(Value::as_bool),
            labels: labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        };
        (!told.id.is_empty()).then_some(told)
    }
}
