//! Who may name what: users who claim containers of others, and engines of users. The attacks are those of an unprivileged
//! user; the witnesses are the engine's own word and `/proc/self/cgroup`.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    process::Command,
    thread,
    time::Duration,
};

use tracer_tests::{
    cgroup::Cgroup,
    command::{Running, output, tracer},
    docker::{Docker, unique},
    engine::{Engine, UserFolder, VERSION},
    level,
    scratch::Scratch,
    session::Session,
    wait,
};

/// Users who exist nowhere else.
const USER: u32 = 61_001;
const OTHER: u32 = 61_002;
const FORMAT: &str = "%proc.name %container.id %container.name %container.claimed";

fn slice() -> String {
    format!("/user.slice/user-{USER}.slice/user@{USER}.service")
}

#[test]
fn a_user_cannot_be_the_container_of_another() {
    if !level::engine_or_skip() {
        return;
    }
    let victim = Docker::default().run(&unique("victim"), &[], &["sleep", "1000"]);
    let scratch = Scratch::new();
    let file = scratch.path("claim.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (id, uname)";
    let service = format!("/system.slice/ci-{USER}.service");
    let places = [(slice(), "app.slice/"), (service, "")];
    for (place, below) in places {
        let user = Cgroup::make(&place).delegate(USER);
        let session = Session::lines_of(&mut tracer(["-w", &file]), FORMAT, filter);
        let script = user.enter_below(&format!("{below}docker-{}.scope", victim.id))
            + "cat /proc/self/cgroup; id -u; exec sleep 0.3";
        let attack = user.run(USER, &script);
        let witness = String::from_utf8_lossy(&attack.stdout);
        let expected = format!("0::{place}/{below}docker-{}.scope", victim.id);
        assert!(witness.lines().any(|line| line == expected) && witness.ends_with(&format!("{USER}\n")), "{attack:?}");
        let _ = victim.exec(&["uname"]);
        let live = session.end();
        let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
        let id = victim.short_id();
        let expected = [format!("id {id}@{USER} <NA> true"), format!("uname {id} {} false", victim.name)];
        assert_eq!(lines, expected, "{place}: {}", live.errors);
        let format = format!("*{FORMAT}");
        let again = output(["-r", &file, "-p", &format, filter]);
        assert_eq!(again.lines, expected, "{place}, from the capture: {}", again.errors);
        // Filters and what the kernel decides of them keep them apart, too.
        let only = output(["-r", &file, "-p", FORMAT, &format!("{filter} and container.id={id}")]);
        assert_eq!(only.lines, expected[1..]);
    }
}

/// Claims in some of the hierarchies of a hybrid host, live and in a capture, which has the cgroups of all of them. `shown` is what
/// the claimer's processes are shown as.
fn claims_in(user: Option<Cgroup>, place: &str, shown: impl Fn(&str) -> String) {
    let Some(user) = user.map(|user| user.delegate(USER)) else { return };
    let victim = Docker::default().run(&unique("victim"), &[], &["sleep", "1000"]);
    let scratch = Scratch::new();
    let whole = scratch.path("whole.scap").display().to_string();
    let file = scratch.path("claim.scap").display().to_string();
    let filter = "evt.type=execve and proc.name in (id, uname)";
    // One that is there before the capture begins, and is in its list of processes, and one that comes later.
    let script = user.enter_below(&format!("docker-{}.scope", victim.id))
        + "cat /proc/self/cgroup; while [ ! -e $0 ]; do sleep 0.05; done; id -u; exec id -u";
    let go = scratch.path("go").display().to_string();
    let script = script.replace("$0", &go);
    let attack = std::thread::scope(|scope| {
        let early = scope.spawn(|| user.run(USER, &script));
        thread::sleep(Duration::from_millis(300));
        // One capture of what the filter lets through, and one of everything.
        let all = Running::start(&mut tracer(["--buffer-size", "64M", "-s", "0", "-w", &whole]));
        all.attached();
        let session = Session::lines_of(&mut tracer(["--buffer-size", "64M", "-w", &file]), FORMAT, filter);
        fs::write(&go, "").expect("a file");
        let early = early.join().expect("the attack");
        let late = user.run(USER, &script);
        let _ = victim.exec(&["uname"]);
        let live = session.end();
        all.interrupt();
        (early, late, live, all.end())
    });
    let (early, late, live, all) = attack;
    for attack in [&early, &late] {
        let witness = String::from_utf8_lossy(&attack.stdout);
        let claim = format!("{place}/docker-{}.scope", victim.id);
        assert!(witness.lines().any(|line| line.ends_with(&claim)), "{attack:?}");
    }
    let lines: Vec<&str> = live.lines.iter().filter_map(|line| line.strip_prefix("<NA> ")).collect();
    let own = vec![format!("id {}", shown(victim.short_id())); 4];
    let expected = [own, vec![format!("uname {} {} false", victim.short_id(), victim.name)]].concat();
    assert_eq!(lines, expected, "{}", live.errors);
    let format = format!("*{FORMAT}");
    for (file, errors) in [(&file, &live.errors), (&whole, &all.errors)] {
        let again = output(["-r", file, "-p", &format, filter]);
        assert_eq!(again.lines, expected, "from the capture: {} {errors}", again.errors);
    }
}

#[test]
fn a_claim_in_v1_hierarchies_alone_is_none() {
    if !level::engine_or_skip() {
        return;
    }
    let place = format!("/system.slice/v1-{USER}.service");
    claims_in(Cgroup::make_v1(&place), &place, |_| "host host false".to_owned());
}

/// How containers are looked for is settled at the start: a claim that is there by then must not change it. The processes live long enough
/// to be looked at wherever they are.
#[test]
fn a_claim_in_v1_hierarchies_does_not_change_how_others_are_looked_for() {
    if !level::engine_or_skip() {
        return;
    }
    let place = format!("/system.slice/v1-long-{USER}.service");
    let Some(user) = Cgroup::make_v1(&place).map(|user| user.delegate(USER)) else { return };
    let victim = Docker::default().run(&unique("victim"), &[], &["sleep", "1000"]);
    let scratch = Scratch::new();
    let go = scratch.path("go");
    let script = user.enter_below(&format!("docker-{}.scope", victim.id))
        + "cat /proc/self/cgroup; while [ ! -e $0 ]; do sleep 0.05; done; exec env sleep 2";
    let script = script.replace("$0", &go.display().to_string());
    std::thread::scope(|scope| {
        let claim = scope.spawn(|| user.run(USER, &script));
        thread::sleep(Duration::from_millis(500));
        let filter = format!("evt.type=execve and proc.name=sleep and proc.args=2 and user.uid={USER}");
        let mut session = Session::lines_of(&mut tracer([]), FORMAT, &filter);
        fs::write(&go, "").expect("a file");
        let line = session.wait_for(&["sleep "]);
        let claim = claim.join().expect("the claim");
        let witness = String::from_utf8_lossy(&claim.stdout);
        let expected = format!("{place}/docker-{}.scope", victim.id);
        assert!(witness.lines().any(|line| line.ends_with(&expected)), "{claim:?}");
        assert!(line.ends_with("sleep host host false"), "{line}");
        let _ = session.end();
    });
}

#[test]
fn a_claim_in_the_v2_tree_alone_is_shown_as_one() {
    if !level::engine_or_skip() {
        return;
    }
    let place = format!("/system.slice/v2-{USER}.service");
    claims_in(Cgroup::make_v2(&place), &place, |id| format!("{id}@{USER} <NA> true"));
    // Deeper than what a record has of a path.
    let deep = format!("{}{}", slice(), "/d".repeat(30));
    claims_in(Some(Cgroup::make(&deep)), &deep, |id| format!("{id}@{USER} <NA> true"));
}

/// What an engine says that knows these containers: their ids and names.
fn knows(containers: Vec<(String, &'static str)>) -> Box<tracer_tests::engine::Answer> {
    Box::new(move |connection, path| {
        if path.ends_with("/version") {
            return connection.whole(VERSION);
        }
        if path.contains("/containers/json") {
            let all = containers
                .iter()
                .map(|(id, name)| format!(r#"{{"Id":"{id}","Names":["/{name}"],"Labels":{{"a":"\u001b[2J"}}}}"#));
            return connection.whole(format!("[{}]", all.collect::<Vec<_>>().join(",")));
        }
        if path.contains("/events") {
            connection.head()?;
            // Again and again, so that no moment is left out.
            while connection.is_wanted() {
                for (id, name) in &containers {
                    for action in ["create", "rename", "start"] {
                        let event = format!(
                            r#"{{"Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"name":"{name}"}}}}}}"#
                        );
                        connection.send(event + "\n")?;
                    }
                }
                thread::sleep(Duration::from_millis(50));
            }
            return Ok(());
        }
        for (id, name) in &containers {
            if path.contains(id.as_str()) {
                return connection
                    .whole(format!(r#"{{"Id":"{id}","Name":"/{name}","HostConfig":{{"Privileged":true}}}}"#));
            }
        }
        connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    })
}

#[test]
fn the_engine_of_a_user_names_that_users_containers_and_no_others() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let victim = docker.run(&unique("victim"), &[], &["sleep", "1000"]);
    let own = format!("{USER:012}{}", "ab".repeat(26));
    let folder = UserFolder::new(USER);
    let all = vec![(victim.id.clone(), "stolen"), (own.clone(), "web")];
    let engine = Engine::start(&folder.path("docker.sock"), USER, knows(all));
    // The places where rootless Podman and Docker make theirs.
    let places = [format!("user.slice/libpod-{own}.scope"), format!("app.slice/docker-{own}.scope")];
    for place in places {
        let user = Cgroup::make(&slice()).delegate(USER);
        let mut session = Session::lines(FORMAT, "evt.type=execve and proc.name in (id, uname)");
        let script = user.enter_below(&place) + "for i in 1 2 3 4 5 6 7 8 9 10; do id -u; sleep 0.2; done";
        let attack = user.run(USER, &script);
        assert!(attack.status.success(), "{attack:?}");
        let _ = session.wait_for(&[&format!("id {} web true", &own[..12])]);
        for _ in 0..20 {
            let _ = victim.exec(&["uname"]);
        }
        let output = session.end();
        assert!(!output.lines.iter().any(|line| line.contains("stolen")), "{:?}", output.lines);
        let of_victim = format!("<NA> uname {} {} false", victim.short_id(), victim.name);
        assert_eq!(output.lines.iter().filter(|line| **line == of_victim).count(), 20, "{:?}", output.lines);
    }
    assert!(engine.sent() > 1000, "it was asked");
    // A fresh one of the machine is that user's just as little, although the user's engine knew of it first.
    let doctor = output(["--doctor"]);
    let line = format!("docker 27.0, API 1.46 at {}, names only containers of user {USER}", engine.socket.display());
    assert!(doctor.lines.iter().any(|found| found.contains(&line)), "{:?}", doctor.lines);
}

#[test]
fn a_socket_that_is_not_the_users_own_is_not_asked_and_that_is_said() {
    if !level::root_or_skip() {
        return;
    }
    let folder = UserFolder::new(OTHER);
    let socket = folder.path("docker.sock");
    // Another user's, in a folder that its owner has opened for all; and the owner's own in it.
    for (uid, mode, cause) in [
        (USER, 0o1777, format!("it belongs to user {USER}, not {OTHER}")),
        (0, 0o1777, format!("it belongs to user 0, not {OTHER}")),
        (OTHER, 0o777, format!("other users can write to its folder '/run/user/{OTHER}'")),
    ] {
        fs::set_permissions(folder.path(""), fs::Permissions::from_mode(mode)).expect("a mode");
        let engine = Engine::start(&socket, uid, knows(Vec::new()));
        let said = format!("container engine at '{}' is not asked: {cause}", socket.display());
        let run = |arguments: &[&str]| {
            let running = Running::start(&mut tracer(arguments.iter().copied()));
            running.attached();
            thread::sleep(Duration::from_millis(300));
            running.interrupt();
            assert_eq!(engine.contacts(running.pid()), (0, 0), "{cause}");
            running.end().errors
        };
        let loud = run(&["-v", "-p", "%container.name", "container.name=nobody"]);
        assert!(loud.contains(&said), "{said}: {loud}");
        let quiet = run(&["-p", "%container.name", "container.name=nobody"]);
        assert!(!quiet.contains("is not asked"), "any user could make it say so: {quiet}");
        let doctor = Running::start(&mut tracer(["--doctor"]));
        let pid = doctor.pid();
        let doctor = doctor.end().lines.join("\n");
        assert_eq!(engine.contacts(pid), (0, 0), "{cause}");
        assert!(doctor.contains(&format!("not asked at {}: {cause}", socket.display())), "{doctor}");
        // Asked for or not, whose folder it is counts.
        let asked = run(&[
            "--engine-socket",
            &format!("docker={}", socket.display()),
            "-p",
            "%container.name",
            "container.name=nobody",
        ]);
        assert!(asked.contains(&said), "{said}: {asked}");
    }
}

#[test]
fn a_socket_that_changed_hands_after_the_look_is_not_asked() {
    if !level::root_or_skip() {
        return;
    }
    let folder = UserFolder::new(OTHER);
    let socket = folder.path("docker.sock");
    fs::set_permissions(folder.path(""), fs::Permissions::from_mode(0o1777)).expect("a mode");
    let engine = Engine::start(&socket, USER, knows(Vec::new()));
    // What a look at the file finds is right, but somebody else listens.
    chown(&socket, Some(OTHER), Some(OTHER)).expect("an owner");
    let doctor = Running::start(&mut tracer(["--doctor"]));
    let pid = doctor.pid();
    let doctor = doctor.end().lines.join("\n");
    assert!(doctor.contains(&format!("user {USER} is listening there, not user {OTHER}")), "{doctor}");
    // It is looked at again for each container without a name.
    let (connected, asked) = engine.contacts(pid);
    assert!(connected > 0 && asked == 0, "it hangs up before it asks for anything: {connected} {asked}");
}

#[test]
fn claims_of_a_user_neither_fill_the_memory_nor_stop_the_tracer() {
    if !level::root_or_skip() {
        return;
    }
    let user = Cgroup::make(&slice()).delegate(USER);
    // Each with a name of its own, made and removed.
    let peak = |name: &str| {
        let mut session = Session::lines(FORMAT, "evt.type=execve and proc.name in (id, uname)");
        let script = format!(
            "cd {}; seq -f {name}-%064.0f.scope 20000 | xargs -n 500 sh -c \"mkdir \\\"\\$@\\\"; rmdir \\\"\\$@\\\"\" x",
            user.folder.display()
        );
        let attack = user.run(USER, &script);
        assert!(attack.status.success(), "{attack:?}");
        let _ = Command::new("uname").output();
        let _ = session.wait_for(&["uname host host false"]);
        let status = fs::read_to_string(format!("/proc/{}/status", session.pid())).expect("it runs");
        let _ = session.end();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let (quiet, churned) = (peak("plain"), peak("docker"));
    println!("20,000 cgroups {quiet} KiB, 20,000 claims {churned} KiB");
    assert!(churned <= quiet + 32 * 1024, "20,000 cgroups {quiet} KiB, 20,000 claims {churned} KiB");
    wait::until("the cgroups to be gone", || {
        (fs::read_dir(&user.folder).ok()?.flatten().filter(|one| one.path().is_dir()).count() == 0).then_some(())
    });
}
