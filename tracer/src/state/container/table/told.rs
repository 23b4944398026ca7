//! What a capture file says of containers: the JSON text of its container events.

use serde_json::Value;

use super::Containers;
use crate::state::container::{Container, Lookup};

impl Containers {
    /// Takes what a container event says. What is not as it should be is left out.
    pub fn told(&mut self, json: &[u8]) {
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
        let Some(told) = value.get("container") else { return };
        let text = |name: &str| told.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(id) = text("id") else { return };
        let same = |container: &Container| container.id == id || container.full_id == id;
        let known = self.all().find(|(_, container)| same(container)).map(|(key, _)| key);
        let key = known.unwrap_or_else(|| {
            let full_id = text("full_id").unwrap_or_else(|| id.clone());
            self.add(Container { id: id.clone(), full_id, runtime: "unknown", ..Container::default() })
        });
        let Some(row) = self.row(key) else { return };
        let container = &mut row.container;
        container.name = text("name").map(|name| name.trim_start_matches('/').to_owned()).or(container.name.take());
        container.image = text("image").or(container.image.take());
        container.image_id = text("imageid").or(container.image_id.take());
        container.ip = text("ip").or(container.ip.take());
        container.privileged = told.get("privileged").and_then(Value::as_bool).or(container.privileged);
        if let Some(labels) = told.get("labels").and_then(Value::as_object) {
            let labels = labels.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            container.labels = labels.collect();
        }
        container.lookup = Lookup::Known;
        self.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_a_capture_gets_its_name() {
        let mut containers = Containers::default();
        let cgroups = b"cpu=/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\0";
        let key = containers.of_cgroups(cgroups);
        assert_eq!(containers.get(key).id, "0123456789ab");
        containers.told(br#"{"container":{"id":"0123456789ab","name":"/web","image":"nginx:1","labels":{"a":"b"}}}"#);
        let container = containers.get(key);
        assert_eq!((container.name.as_deref(), container.image.as_deref()), (Some("web"), Some("nginx:1")));
        assert_eq!(container.labels.get("a").map(String::as_str), Some("b"));
        containers.told(b"{");
    }
}
