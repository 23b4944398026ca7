//! Containers as they come, are named, and go.

use super::{
    super::engine::{Answer, Metadata},
    *,
};

const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

fn unified() -> Containers {
    Containers::default()
}

fn metadata(name: &str) -> Answer {
    told_by(Owner::Machine, name)
}

fn told_by(owner: Owner, name: &str) -> Answer {
    let name = Some(name.into());
    let metadata = Metadata { full_id: ID.into(), runtime: "docker", name, ..Metadata::default() };
    Answer::Found(owner, Box::new(metadata))
}

const SLICE: &str = "/user.slice/user-7.slice/user@7.service/app.slice";

#[test]
fn a_cgroup_that_appears_is_known_by_its_id() {
    let mut containers = unified();
    containers.cgroup_added(77, format!("/docker/{ID}").as_bytes());
    containers.cgroup_added(78, format!("/docker/{ID}/init.scope").as_bytes());
    containers.cgroup_added(79, b"/system.slice/cron.service");
    let key = containers.of_cgroup(77, 1);
    assert_ne!(key, ContainerKey::HOST);
    assert_eq!(containers.of_cgroup(78, 1), key);
    assert_eq!(containers.of_cgroup(79, 1), ContainerKey::HOST);
    assert_eq!(containers.of_cgroup(77, 1), key);
    let container = containers.get(key);
    assert_eq!((container.id.as_str(), container.runtime), ("abcdef012345", "docker"));
    assert_eq!((container.lookup, container.name.as_deref()), (Lookup::None, None));
}

#[test]
fn an_engines_event_may_come_before_the_cgroup() {
    let mut containers = unified();
    containers.take(metadata("fresh"));
    assert!(!containers.poll(), "it may never come");
    containers.cgroup_added(77, format!("/system.slice/docker-{ID}.scope").as_bytes());
    let key = containers.of_cgroup(77, 1);
    assert_eq!(containers.get(key).name.as_deref(), Some("fresh"));
    assert_eq!(containers.all().count(), 2);
    containers.take(metadata("renamed"));
    assert_eq!(containers.get(key).name.as_deref(), Some("renamed"));
}

#[test]
fn containers_with_names_for_ids_wait_for_nobody() {
    let mut containers = unified();
    containers.cgroup_added(5, b"/lxc.payload.web/init.scope");
    let key = containers.of_cgroup(5, 1);
    let container = containers.get(key);
    assert_eq!((container.id.as_str(), container.name.as_deref()), ("web", Some("web")));
    assert_eq!(container.lookup, Lookup::Known);
}

#[test]
fn a_deadline_ends_the_wait_and_a_late_answer_still_counts() {
    let mut containers = unified();
    containers.cgroup_added(5, format!("/docker/{ID}").as_bytes());
    let key = containers.of_cgroup(5, 1);
    containers.row(key).unwrap().container.lookup = Lookup::Pending;
    containers.deadlines[0].push_back((Instant::now(), key));
    assert!(containers.pending(key));
    assert!(containers.poll());
    assert!(!containers.pending(key));
    containers.take(metadata("late"));
    assert_eq!((containers.get(key).lookup, containers.get(key).name.as_deref()), (Lookup::Known, Some("late")));
    containers.take(Answer::NotFound(Owner::Machine, ID.into()));
    assert_eq!(containers.get(key).lookup, Lookup::Known);
}

#[test]
fn an_unknown_cgroup_is_the_host_for_now_and_is_tried_again() {
    let mut containers = unified();
    assert_eq!(containers.of_cgroup(9_999_999, u32::MAX), ContainerKey::HOST);
    assert!(containers.by_cgroup[&9_999_999].retry.is_some());
    containers.cgroup_added(9_999_999, format!("/docker/{ID}").as_bytes());
    assert_ne!(containers.of_cgroup(9_999_999, u32::MAX), ContainerKey::HOST);
}

#[test]
fn forgotten_containers_keep_their_key_and_a_new_one_gets_another() {
    let mut containers = unified();
    containers.cgroup_added(5, format!("/docker/{ID}").as_bytes());
    let key = containers.of_cgroup(5, 1);
    containers.has_ended(key);
    containers.forget(vec![key]);
    assert_eq!((containers.get(key).id.as_str(), containers.get(key).runtime), ("", "unknown"));
    containers.cgroup_added(5, format!("/docker/{ID}").as_bytes());
    assert_ne!(containers.of_cgroup(5, 1), key);
}

#[test]
fn a_users_engine_names_that_users_containers_alone() {
    let mut containers = unified();
    containers.cgroup_added(5, format!("/system.slice/docker-{ID}.scope").as_bytes());
    let system = containers.of_cgroup(5, 1);
    for answer in [told_by(Owner::User(7), "stolen"), Answer::Ended(Owner::User(7), ID.into())] {
        containers.take(answer);
    }
    assert_eq!(containers.get(system).name, None);
    assert!(!containers.row(system).unwrap().ended);
    containers.take(metadata("own"));
    containers.take(told_by(Owner::User(7), "stolen"));
    assert_eq!(containers.get(system).name.as_deref(), Some("own"));

    let other = ID.replace('a', "9");
    containers.cgroup_added(6, format!("{SLICE}/libpod-{other}.scope").as_bytes());
    let rootless = containers.of_cgroup(6, 1);
    assert_eq!(
        (containers.get(rootless).owner, containers.get(rootless).id.as_str()),
        (Owner::User(7), "9bcdef012345")
    );
    for (owner, expected) in [(Owner::Machine, None), (Owner::User(8), None), (Owner::User(7), Some("web"))] {
        let name = Some("web".to_owned());
        let metadata = Metadata { full_id: other.clone(), runtime: "podman", name, ..Metadata::default() };
        containers.take(Answer::Found(owner, Box::new(metadata)));
        assert_eq!(containers.get(rootless).name.as_deref(), expected, "{owner}");
    }
}

#[test]
fn a_claim_is_not_the_container_that_it_claims_to_be() {
    let system = format!("/system.slice/docker-{ID}.scope");
    let claim = format!("{SLICE}/docker-{ID}.scope");
    let nested = format!("/docker/{}/docker/{ID}", "1".repeat(64));
    // In whatever order they come.
    for order in [[&system, &claim, &nested], [&claim, &nested, &system], [&nested, &system, &claim]] {
        let mut containers = unified();
        let mut key = |path: &String| {
            let id = 10 + [&system, &claim, &nested].iter().position(|other| *other == path).unwrap() as u64;
            containers.cgroup_added(id, path.as_bytes());
            containers.of_cgroup(id, 1)
        };
        for path in order {
            key(path);
        }
        let keys = [&system, &claim, &nested].map(key);
        containers.take(metadata("victim"));
        let shown = keys.map(|key| {
            let container = containers.get(key);
            (container.id.clone(), container.name.clone(), container.owner)
        });
        let expected = [
            ("abcdef012345".to_owned(), Some("victim".to_owned()), Owner::Machine),
            ("abcdef012345@7".to_owned(), None, Owner::User(7)),
            ("abcdef012345@111111111111".to_owned(), None, Owner::Machine),
        ];
        assert_eq!(shown, expected);
        assert_eq!(containers.get(keys[1]).full_id, format!("{ID}@7"));
        assert_eq!(containers.by_id("abcdef012345"), Some(keys[0]));
    }
}

#[test]
fn claims_do_not_fill_the_table() {
    let mut containers = unified();
    for number in 0..3 * claims::MAX_CLAIMS as u64 {
        containers.cgroup_added(2 + number, format!("{SLICE}/docker-{number:064x}.scope").as_bytes());
    }
    assert_eq!(containers.all().count(), claims::MAX_CLAIMS + 1);
    assert_eq!(containers.notes().len(), 1);
    containers.cgroup_added(1 << 40, format!("/docker/{ID}").as_bytes());
    assert_ne!(containers.of_cgroup(1 << 40, 1), ContainerKey::HOST, "the machine's have their own room");
    // Those that have ended make room for others.
    let keys: Vec<_> = containers.all().map(|(key, _)| key).skip(1).collect();
    keys.into_iter().for_each(|key| containers.has_ended(key));
    assert!(containers.all().count() < claims::MAX_CLAIMS / 2, "{}", containers.all().count());
    assert_eq!(containers.by_identity.len() + 1, containers.all().count());
    containers.cgroup_added(1 << 41, format!("{SLICE}/docker-{ID}.scope").as_bytes());
    assert_ne!(containers.of_cgroup(1 << 41, 1), ContainerKey::HOST);
}

#[test]
fn an_engine_cannot_fill_the_memory() {
    let mut containers = unified();
    let id = |number: usize| format!("{number:064x}");
    let labels = std::collections::BTreeMap::from([("a".to_owned(), "x".repeat(60_000))]);
    for number in 0..4_000 {
        containers.cgroup_added(number as u64 + 2, format!("/docker/{}", id(number)).as_bytes());
        let (name, labels) = (Some("n".into()), Some(labels.clone()));
        let metadata = Metadata { full_id: id(number), runtime: "docker", name, labels, ..Metadata::default() };
        containers.take(Answer::Found(Owner::Machine, Box::new(metadata)));
    }
    let kept: usize = containers.all().map(|(_, container)| answers::details(container)).sum();
    assert_eq!(kept, containers.details[0]);
    assert!(kept > 8 << 20 && kept <= 12 << 20, "{kept}");
    assert!(containers.all().skip(1).all(|(_, container)| container.name.is_some()), "names are not lost");
    for number in 0..10_000 {
        let metadata = Metadata { full_id: id(1_000_000 + number), runtime: "docker", ..Metadata::default() };
        containers.take(Answer::Found(Owner::Machine, Box::new(metadata)));
    }
    assert_eq!(containers.list.len(), 4_001, "there is no cgroup for them");
}

#[test]
fn containerd_without_its_folder_is_the_host() {
    let mut containers = unified();
    containers.cgroup_added(5, b"/nonexistent-namespace/web");
    assert_eq!(containers.of_cgroup(5, 1), ContainerKey::HOST);
}
