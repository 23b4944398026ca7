//! What a pod belongs to, inferred: Kubernetes writes labels on the pods of its controllers, and names them by rules.
//!
//! The owner itself is known to the API server alone. What is inferred here is right for the controllers of Kubernetes; where
//! label and name do not fit together, nothing is said. Source: kubernetes, pkg/controller.

use std::collections::BTreeMap;

/// A controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload<'a> {
    /// What it is, such as `Deployment`.
    pub kind: &'static str,
    /// What it is called.
    pub name: &'a str,
    /// The controller between it and the pod: the replica set of a deployment, the job of a cron job.
    pub between: Option<&'a str>,
}

/// Letters and digits of names that Kubernetes makes up. Source: apimachinery, pkg/util/rand.
const RANDOM: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them there are behind the last `-`.
const RANDOM_LEN: usize = 5;
/// How many digits the time has that a cron job gives its jobs: minutes since 1970, and of old versions, seconds.
const TIME_LEN: [usize; 2] = [8, 10];

/// The controller of a pod with that name and these labels.
#[must_use]
pub fn infer<'a>(pod: &'a str, labels: &'a BTreeMap<String, String>) -> Option<Workload<'a>> {
    let label = |name: &str| labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let made_by = |kind, name| Workload { kind, name, between: None };
    if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
        // The pod of an indexed job has its number behind the name of the job.
        pod.strip_prefix(job)?.strip_prefix('-')?;
        return Some(match job.rsplit_once('-').filter(|(_, time)| is_time(time)) {
            Some((cron, _)) => Workload { kind: "CronJob", name: cron, between: Some(job) },
            None => made_by("Job", job),
        });
    }
    if let Some(own) = label("statefulset.kubernetes.io/pod-name") {
        let (name, number) = pod.rsplit_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        return (own == pod && is_number).then(|| made_by("StatefulSet", name));
    }
    let owner = without_random(pod)?;
    if let Some(hash) = label("pod-template-hash") {
        let name = owner.strip_suffix(hash)?.strip_suffix('-').filter(|name| !name.is_empty())?;
        return Some(Workload { kind: "Deployment", name, between: Some(owner) });
    }
    let is_daemon = label("controller-revision-hash").is_some() && label("pod-template-generation").is_some();
    is_daemon.then(|| made_by("DaemonSet", owner))
}

fn is_time(text: &str) -> bool {
    TIME_LEN.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

/// A name without the end that was made up for it.
fn without_random(name: &str) -> Option<&str> {
    let (name, random) = name.rsplit_once('-')?;
    let is_random = random.len() == RANDOM_LEN && random.bytes().all(|byte| RANDOM.contains(&byte));
    (is_random && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pod: &str, labels: &[(&str, &str)]) -> Option<(&'static str, String, Option<String>)> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = infer(pod, &labels)?;
        Some((found.kind, found.name.to_owned(), found.between.map(str::to_owned)))
    }

    #[test]
    fn controllers_are_inferred_from_labels_and_names() {
        let some = |kind, name: &str, between: Option<&str>| Some((kind, name.to_owned(), between.map(str::to_owned)));
        let deployment = of("my-web-7d4b9c-x2x4z", &[("app", "web"), ("pod-template-hash", "7d4b9c")]);
        assert_eq!(deployment, some("Deployment", "my-web", Some("my-web-7d4b9c")));
        let set = of("db-11", &[("statefulset.kubernetes.io/pod-name", "db-11"), ("controller-revision-hash", "db-1")]);
        assert_eq!(set, some("StatefulSet", "db", None));
        let daemon = of("fluentd-bcdf2", &[("controller-revision-hash", "77"), ("pod-template-generation", "1")]);
        assert_eq!(daemon, some("DaemonSet", "fluentd", None));
        assert_eq!(of("pi-bcdf2", &[("batch.kubernetes.io/job-name", "pi")]), some("Job", "pi", None));
        assert_eq!(of("pi-0-bcdf2", &[("job-name", "pi")]), some("Job", "pi", None));
        let cron = of("clean-28532160-bcdf2", &[("job-name", "clean-28532160")]);
        assert_eq!(cron, some("CronJob", "clean", Some("clean-28532160")));
    }

    #[test]
    fn where_label_and_name_do_not_fit_nothing_is_said() {
        for (pod, labels) in [
            ("web", &[("pod-template-hash", "7d4b9c")][..]),
            ("web-7d4b9c-x2x4z", &[("pod-template-hash", "other")]),
            ("7d4b9c-x2x4z", &[("pod-template-hash", "7d4b9c")]),
            // A vowel: not made up by Kubernetes.
            ("web-7d4b9c-aeiou", &[("pod-template-hash", "7d4b9c")]),
            ("db-0", &[("statefulset.kubernetes.io/pod-name", "other-0")]),
            ("db-x", &[("statefulset.kubernetes.io/pod-name", "db-x")]),
            ("other-bcdf2", &[("job-name", "pi")]),
            ("web-bcdf2", &[("app", "web")]),
            ("", &[]),
        ] {
            assert_eq!(of(pod, labels), None, "{pod}");
        }
    }
}
