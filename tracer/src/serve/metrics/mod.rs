//! `/metrics`: what there is at one moment as text for Prometheus.
//!
//! Values have no time of their own, and the series of a container end with it. A label without a value is left out.

mod container;
mod machine;
mod own;
mod text;

use std::time::Instant;

pub(super) use own::sums;
pub(super) use text::{CONTENT_TYPE, Kind, LeftOut};

use super::{gather::Snapshot, known::Known, measured::Picture};
use container::Subject;
use text::{Text, label_name};

/// Which labels of containers become labels of `container_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ContainerLabels {
    /// Each of them.
    All,
    /// Those with these names.
    Some(Vec<String>),
}

/// Those that dashboards use.
const USUAL_LABELS: [&str; 4] = [
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.swarm.service.name",
    "com.docker.stack.namespace",
];

impl Default for ContainerLabels {
    fn default() -> Self {
        Self::Some(USUAL_LABELS.map(str::to_owned).to_vec())
    }
}

impl ContainerLabels {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|known| known == name),
        }
    }
}

/// Name, type and meaning of the families that are there only where the kernel has their values.
pub(super) fn of_files() -> impl Iterator<Item = (&'static str, Kind, &'static str)> {
    let of_containers = container::FAMILIES.iter().map(|family| (family.name, family.kind, family.help));
    of_containers.chain(machine::FAMILIES.iter().map(|(name, help, _)| (*name, Kind::Gauge, *help)))
}

/// All of it, but what there is no room for in so many series.
pub(super) fn text(
    snapshot: &Snapshot,
    picture: &Picture,
    labels: &ContainerLabels,
    max_series: usize,
) -> (String, LeftOut) {
    let began = Instant::now();
    let mut text = Text::default();
    let host = Subject { labels: vec![("id".to_owned(), "/".to_owned())], measured: &picture.host, rank: None };
    let ranks = snapshot.ranks();
    let of_container = |(id, live): (&String, &super::totals::Live)| {
        let (measured, rank) = (picture.containers.get(id)?, ranks.get(id.as_str()).copied());
        Some(Subject { labels: labels_of(&live.known, labels), measured, rank })
    };
    let subjects: Vec<Subject<'_>> = [host].into_iter().chain(snapshot.live.iter().filter_map(of_container)).collect();
    container::write(&subjects, picture, &mut text);
    machine::write(picture, &mut text);
    own::containers(snapshot, &mut text);
    own::workloads(snapshot, &mut text);
    own::health(snapshot, &mut text);
    let (mut text, left_out) = text.bound(max_series.saturating_sub(LAST));
    text.family(
        "tracer_series_left_out",
        Kind::Gauge,
        "Samples that are not in this response, because there would be more than --max-series; the sums of workloads include them.",
    );
    text.sample(&[("part", "containers")], &[], left_out.whole as f64);
    text.sample(&[("part", "details")], &[], left_out.details as f64);
    text.family(
        "tracer_scrape_duration_seconds",
        Kind::Gauge,
        "Time spent writing this response, without reading files.",
    );
    text.sample(&[], &[], began.elapsed().as_secs_f64());
    let series = text.series() + 1;
    text.family("tracer_series", Kind::Gauge, "Samples in this response.");
    text.sample(&[], &[], series as f64);
    (text.into_text(), left_out)
}

/// How many samples come last, which tell about the others.
const LAST: usize = 4;

/// The labels that all samples of a container have, as cAdvisor's have them, and those of Kubernetes.
fn labels_of(known: &Known, wanted: &ContainerLabels) -> Vec<(String, String)> {
    let facts = ["name", "image", "namespace", "pod", "container"];
    let own = facts.iter().map(|name| ((*name).to_owned(), known.get(name).to_owned()));
    let mut labels: Vec<(String, String)> = [("id".to_owned(), known.cgroup.clone())].into_iter().chain(own).collect();
    for (name, value) in known.labels.iter().filter(|(name, _)| wanted.has(name)) {
        let name = label_name("container_label_", name);
        // Two names may become one; then Prometheus refuses all of it.
        if labels.iter().all(|(other, _)| *other != name) {
            labels.push((name, value.clone()));
        }
    }
    if !known.get("restarts").is_empty() && known.get("restarts") != "0" {
        labels.push(("container_label_restartcount".to_owned(), known.get("restarts").to_owned()));
    }
    labels
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::serve::{
        measured::Measured,
        totals::{Counts, Live},
    };

    #[test]
    fn a_container_has_the_labels_of_both_worlds() {
        let facts = [("name", "web"), ("image", "nginx:1"), ("pod", "web-0"), ("restarts", "2")];
        let known = Known {
            cgroup: "/docker/x".into(),
            facts: facts.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            labels: [("com.docker.compose.project", "shop"), ("tier", "front")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            is_pending: false,
        };
        let names = |labels: &ContainerLabels| {
            let labels = labels_of(&known, labels);
            let given = labels.iter().filter(|(_, value)| !value.is_empty());
            given.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        let usual = "id=/docker/x name=web image=nginx:1 pod=web-0 container_label_com_docker_compose_project=shop \
            container_label_restartcount=2";
        assert_eq!(names(&ContainerLabels::default()), usual);
        assert!(names(&ContainerLabels::All).contains("container_label_tier=front"));
        assert!(!names(&ContainerLabels::Some(Vec::new())).contains("compose"));
    }

    #[test]
    fn a_family_is_written_once_and_series_end_with_their_container() {
        let live = |name: &str| Live {
            known: Arc::new(Known { facts: BTreeMap::from([("name", name.to_owned())]), ..Known::default() }),
            counts: Arc::new(Counts::default()),
            since_ns: 1,
            was_there: true,
            workload: None,
        };
        let mut snapshot = Snapshot { now_ns: 1, ..Snapshot::default() };
        snapshot.live = [("1".to_owned(), live("a")), ("2".to_owned(), live("b"))].into();
        let mut picture = Picture::default();
        picture.containers.insert("1".into(), Measured { processes: Some(3), ..Measured::default() });
        picture.containers.insert("2".into(), Measured { processes: Some(4), ..Measured::default() });
        let text = |snapshot: &Snapshot| text(snapshot, &picture, &ContainerLabels::default(), usize::MAX).0;
        let all = text(&snapshot);
        assert_eq!(all.matches("# TYPE container_processes gauge").count(), 1);
        assert!(all.contains("container_processes{name=\"a\"} 3") && all.contains("container_processes{name=\"b\"} 4"));
        let families: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let unique: std::collections::BTreeSet<&&str> = families.iter().collect();
        assert_eq!(unique.len(), families.len());
        snapshot.live.remove("1");
        assert!(!text(&snapshot).contains("name=\"a\""));
    }
}
