//! Names for the completion of shells: `--complete WHAT`.

use std::time::Duration;

use super::Failure;
use crate::{
    chisel::Library,
    fields::CLASSES,
    state::{ContainerKey, Containers, container},
};

/// How long engines may take: somebody waits with a finger on the key.
const PATIENCE: Duration = Duration::from_millis(700);

/// The names, one in each line.
///
/// # Errors
/// There are no names of that kind.
pub(super) fn of(what: &str, library: &Library) -> Result<String, Failure> {
    let names: Vec<String> = match what {
        "chisels" => library.list().into_keys().collect(),
        "fields" => {
            let fields = CLASSES.iter().flat_map(|class| class.fields());
            fields.filter(|field| !field.table_only && !field.deprecated).map(|field| field.name.to_owned()).collect()
        }
        "containers" => containers(),
        _ => {
            return Err(Failure::with_hint(
                format!("--complete: unknown kind '{what}'"),
                "expected chisels, fields or containers",
            ));
        }
    };
    Ok(names.into_iter().map(|name| name + "\n").collect())
}

/// Names of the containers that run, as far as their engines tell in time.
fn containers() -> Vec<String> {
    let mut containers = Containers::start(&container::Options::default());
    containers.settle(PATIENCE, || false);
    let all = containers.all().filter(|(key, _)| *key != ContainerKey::HOST);
    all.filter_map(|(_, container)| container.name.clone()).collect()
}
