//! `tracer_*`: what is counted of containers, what outlives them, and how tracer itself is.

use std::{borrow::Cow, collections::BTreeMap};

use super::text::{Kind, Labels, Text};
use crate::serve::{
    counted::{self, BOUNDS, FAMILIES, Of, TIMES},
    gather::Snapshot,
    known::{INFO, Known},
    totals::Counts,
};

/// Labels of samples of one container.
pub(super) fn labels(known: &Known) -> Vec<(&'static str, &str)> {
    ["id", "name", "image", "namespace", "pod", "container"].into_iter().map(|name| (name, known.get(name))).collect()
}

/// Writes what was counted of containers.
pub(super) fn containers(snapshot: &Snapshot, text: &mut Text) {
    text.family("tracer_container_info", Kind::Gauge, "Facts about a container as labels; the value is always 1.");
    let ranks = snapshot.ranks();
    for (id, live) in &snapshot.live {
        ranks.get(id.as_str()).into_iter().for_each(|rank| text.container(*rank, false));
        let labels: Vec<(&str, &str)> = INFO.iter().map(|name| (*name, live.known.get(name))).collect();
        text.sample(&labels, &[], 1.0);
    }
    for family in FAMILIES {
        let mut has_begun = false;
        for (id, live) in &snapshot.live {
            let samples = samples(&family.of, &live.counts);
            if samples.is_empty() {
                continue;
            }
            if !std::mem::replace(&mut has_begun, true) {
                text.family(family.name, family.kind(), family.help);
            }
            ranks.get(id.as_str()).into_iter().for_each(|rank| text.container(*rank, family.is_detail));
            let common = labels(&live.known);
            for (labels, numbers) in samples {
                let own: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
                sample(text, &family.of, &common, &own, &numbers);
            }
        }
    }
}

fn sample(text: &mut Text, of: &Of, common: Labels<'_>, own: Labels<'_>, numbers: &[f64]) {
    match of {
        Of::Sums(_) => text.sample(common, own, numbers[0]),
        Of::Times(_) => {
            let bounds = BOUNDS.iter().map(|power| 2f64.powi((*power).into()) / 1e9);
            let [.., sum, count] = numbers else { return };
            text.histogram(common, own, bounds.zip(numbers.iter().copied()), (sum / 1e9, *count));
        }
    }
}

/// Values by labels.
type Samples = BTreeMap<Vec<(&'static str, Cow<'static, str>)>, Vec<f64>>;

/// The samples of a family of one container: rows with the same labels are added up.
fn samples(of: &Of, counts: &Counts) -> Samples {
    let mut samples = Samples::new();
    let mut add = |labels, numbers: &[f64]| {
        let sums = samples.entry(labels).or_insert_with(|| vec![0.0; numbers.len()]);
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    };
    match of {
        Of::Sums(tables) => {
            for (table, adds) in *tables {
                counts.rows(*table).flat_map(adds).for_each(|(labels, value)| add(labels, &[value]));
            }
        }
        Of::Times(labels) => counts.rows(TIMES).for_each(|row| add(labels(row), row.numbers)),
    }
    samples
}

/// The sums of a family of a container, all labels but the first two together: what pages and the API show.
pub(in crate::serve) fn sums(counts: &Counts) -> Vec<(&'static str, Vec<(String, f64)>)> {
    let of_family = |family: &'static counted::Family| {
        let samples = match family.of {
            Of::Sums(_) => samples(&family.of, counts),
            Of::Times(_) => return None,
        };
        let name = |labels: &[(&'static str, Cow<'static, str>)]| {
            labels.iter().map(|(_, value)| value.as_ref()).collect::<Vec<_>>().join(" ")
        };
        let values: Vec<_> = samples.iter().map(|(labels, numbers)| (name(labels), numbers[0])).collect();
        Some((family.name, values))
    };
    FAMILIES.iter().filter_map(of_family).collect()
}

/// Writes what outlives containers.
pub(super) fn workloads(snapshot: &Snapshot, text: &mut Text) {
    let mut all: BTreeMap<String, Counts> =
        snapshot.ended.iter().map(|(name, ended)| (name.clone(), ended.counts.clone())).collect();
    for live in snapshot.live.values() {
        // Without a name it is in no workload yet: else a sum would become smaller when the name comes.
        if let Some(name) = live.workload.clone() {
            all.entry(name).or_default().merge(&live.counts);
        }
    }
    let name_of = |name: &str| if name.is_empty() { "unknown".to_owned() } else { name.to_owned() };
    for family in FAMILIES.iter().filter(|family| family.outlives) {
        let name = family.name.replace("_container_", "_workload_");
        text.family(&name, family.kind(), &format!("{} Includes containers that have ended.", family.help));
        for (workload, counts) in &all {
            for (labels, numbers) in samples(&family.of, counts) {
                let own: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
                sample(text, &family.of, &[("workload", &name_of(workload))], &own, &numbers);
            }
        }
    }
    let started = |name: &str| {
        let live = snapshot.live.values().filter(|live| !live.was_there && live.workload.as_deref() == Some(name));
        live.count() as u64 + snapshot.ended.get(name).map_or(0, |ended| ended.starts)
    };
    text.family("tracer_container_starts_total", Kind::Counter, "Containers that started while tracer ran.");
    all.keys().for_each(|name| text.sample(&[("workload", &name_of(name))], &[], started(name) as f64));
    text.family(
        "tracer_container_deaths_total",
        Kind::Counter,
        "Containers that ended, by how their first process exited.",
    );
    for (name, ended) in &snapshot.ended {
        for (reason, count) in &ended.deaths {
            text.sample(&[("workload", &name_of(name))], &[("reason", reason)], *count as f64);
        }
    }
    text.family(
        "tracer_container_lifetime_seconds",
        Kind::Summary,
        "Lifetimes of containers that started and ended while tracer ran.",
    );
    for (name, it) in &snapshot.ended {
        text.summary(&[("workload", &name_of(name))], &[], (it.lived_s, it.lives as f64));
    }
}

/// Writes how tracer is.
pub(super) fn health(snapshot: &Snapshot, text: &mut Text) {
    text.family("tracer_build_info", Kind::Gauge, "The version of tracer; the value is always 1.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], &[], 1.0);
    text.family("tracer_source_up", Kind::Gauge, "1 if a source of these metrics works.");
    let up = |is_up: bool| f64::from(u8::from(is_up));
    text.sample(&[("source", "kernel")], &[], up(snapshot.now_ns != 0));
    text.sample(&[("source", "engines")], &[], up(snapshot.now_ns != 0 && snapshot.silence.is_none()));
    text.family(
        "tracer_events_total",
        Kind::Counter,
        "Events that were counted; an event can count in several tables.",
    );
    text.sample(&[], &[], snapshot.seen as f64);
    text.family("tracer_events_lost_total", Kind::Counter, "Events that were lost, by reason.");
    snapshot.lost.iter().for_each(|(reason, count)| text.sample(&[("reason", reason)], &[], *count as f64));
    text.family(
        "tracer_containers_left_out",
        Kind::Gauge,
        "Running containers that are not shown because there are too many.",
    );
    text.sample(&[], &[], snapshot.left_out as f64);
}
