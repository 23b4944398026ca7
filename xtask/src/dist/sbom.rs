//! What is inside the binary: every crate that is linked into it, with version, licence and sum, in the JSON form of CycloneDX 1.5.
//!
//! Source: cyclonedx.org, "Bill of Materials Standard", 1.5; `cargo metadata` for this kind of machine.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Release;
use crate::command::{cargo, output, workspace};

/// The crates whose code is in the binary: the program, and its kernel side.
const ROOTS: [&str; 2] = ["tracer", "tracer-ebpf"];

/// The document.
pub(super) fn document(release: &Release, target: &str) -> Result<String> {
    let text = output(&mut cargo(["metadata", "--locked", "--format-version", "1", "--filter-platform", target]))?;
    let metadata: Value = serde_json::from_str(&text).context("cannot read what `cargo metadata` printed")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|it| (text(&it["id"]), it)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|it| (text(&it["id"]), it)).collect();
    let sums = checksums()?;
    // What is only built with, or only tested with, is not in the binary.
    let linked = |id: &str| {
        let deps = nodes.get(id).map(|node| list(&node["deps"])).unwrap_or_default();
        let is_linked = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let deps = deps.into_iter().filter(is_linked).map(|dep| text(&dep["pkg"]));
        let is_macro = |id: &String| {
            list(&packages[id]["targets"]).iter().any(|it| list(&it["kind"]).contains(&json!("proc-macro")))
        };
        deps.filter(|id| !is_macro(id)).collect::<Vec<_>>()
    };
    let (mut found, mut left) = (BTreeSet::new(), Vec::new());
    for root in ROOTS {
        left.extend(packages.iter().filter(|(_, package)| package["name"] == root).map(|(id, _)| id.clone()));
    }
    while let Some(id) = left.pop() {
        if found.insert(id.clone()) {
            left.extend(linked(&id));
        }
    }
    let purl = |id: &str| format!("pkg:cargo/{}@{}", text(&packages[id]["name"]), text(&packages[id]["version"]));
    let component = |id: &String| {
        let package = &packages[id];
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let mut component =
            json!({ "type": "library", "bom-ref": purl(id), "name": name, "version": version, "purl": purl(id) });
        if let Some(licence) = package["license"].as_str() {
            // Older crates write a slash where SPDX has a word.
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if let Some(sum) = sums.get(&(name, version)) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        component
    };
    let mut components: Vec<Value> = found.iter().map(component).collect();
    components.sort_by_key(|component| text(&component["bom-ref"]));
    let mut dependencies: Vec<Value> = found
        .iter()
        .map(|id| {
            let mut on: Vec<String> = linked(id).iter().map(|id| purl(id)).collect();
            on.sort();
            on.dedup();
            json!({ "ref": purl(id), "dependsOn": on })
        })
        .collect();
    dependencies.sort_by_key(|dependency| text(&dependency["ref"]));
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": release.utc(),
            "component": {
                "type": "application", "bom-ref": "tracer", "name": "tracer", "version": release.version,
                "licenses": [{ "expression": release.licence }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The sums of the lock file, by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let text = std::fs::read_to_string(workspace().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let packages = text.split("[[package]]").filter_map(|package| {
        let value = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
            Some(line.trim_matches('"').to_owned())
        };
        Some(((value("name")?, value("version")?), value("checksum")?))
    });
    Ok(packages.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_and_what_is_only_built_with_is_not() {
        let release = Release::sample();
        let document: Value =
            serde_json::from_str(&document(&release, "x86_64-unknown-linux-gnu").expect("it is made")).expect("JSON");
        let components = document["components"].as_array().expect("a list");
        let named = |name: &str| components.iter().find(|it| it["name"] == name);
        let aya = named("aya").expect("it is linked");
        assert!(
            aya["hashes"][0]["content"].as_str().is_some_and(|sum| sum.len() == 64) && aya["licenses"].is_array(),
            "{aya}"
        );
        assert!(named("aya-ebpf").is_some() && named("tracer-common").is_some(), "the kernel side is inside");
        for name in ["proptest", "xtask", "syn", "cc"] {
            assert!(named(name).is_none(), "{name} is not in the binary");
        }
        let refs: BTreeSet<&str> = components.iter().filter_map(|it| it["bom-ref"].as_str()).collect();
        let on = document["dependencies"]
            .as_array()
            .expect("a list")
            .iter()
            .flat_map(|it| it["dependsOn"].as_array().expect("a list"));
        assert!(on.filter_map(Value::as_str).all(|on| refs.contains(on)), "what is depended on is listed");
    }
}
