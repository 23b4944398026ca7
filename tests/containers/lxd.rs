//! A real LXD: what it says of its containers, live and in captures, also after it was killed, and while it does not answer.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    command::{output, tracer},
    docker::unique,
    engine::Engine,
    level,
    lxd::{IMAGE, Lxd},
    scratch::Scratch,
    session::Session,
    wait,
};

const FORMAT: &str = "%proc.name %container.type %container.id %container.name %container.image %container.privileged \
    %container.label.user.tier %container.label.project";

fn start() -> Option<Lxd> {
    (level::root_or_skip() && level::program_or_skip("busybox")).then(Lxd::start)?
}

fn expected(program: &str, id: &str, tier: &str, project: &str) -> String {
    format!("{program} lxc {id} {id} {IMAGE} true {tier} {project}")
}

#[test]
fn all_that_lxd_says_of_a_container_is_shown_from_its_first_event_on() {
    let Some(lxd) = start() else { return };
    let scratch = Scratch::new();
    let file = scratch.path("lxd.scap").display().to_string();
    let [old, new, shop] = ["o", "n", "s"].map(unique);
    lxd.launch(&old, &["-c", "user.tier=back"]);
    let filter = "evt.type=execve and proc.name in (uname, init) and container.id!=host";
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &lxd.argument(), "-w", &file]);
    let mut session = Session::lines_of(&mut command, FORMAT, filter);
    let _ = lxd.lxc(&["exec", &old, "uname"]);
    lxd.launch(&new, &["-c", "user.tier=front"]);
    let _ = lxd.lxc(&["project", "create", "shop", "-c", "features.images=false", "-c", "features.profiles=false"]);
    lxd.launch(&shop, &["--project", "shop", "-c", "user.tier=shop"]);
    let shop_id = format!("shop_{shop}");
    let all = [
        expected("uname", &old, "back", "default"),
        expected("init", &new, "front", "default"),
        expected("init", &shop_id, "shop", "shop"),
    ];
    for line in &all {
        let _ = session.wait_for(&[line]);
    }
    // After it was stopped, changed and started again it is the same container, and nothing of it is old.
    let _ = lxd.lxc(&["stop", "--force", &new]);
    let _ = lxd.lxc(&["config", "set", &new, "user.tier=other"]);
    // The capture has it when that is written.
    thread::sleep(Duration::from_millis(1200));
    let _ = lxd.lxc(&["start", &new]);
    let again = expected("init", &new, "other", "default");
    let _ = session.wait_for(&[&again]);
    let live = session.end();
    let of_them = |lines: &[String]| {
        let mine = lines.iter().filter(|line| [&old, &new, &shop].iter().any(|name| line.contains(name.as_str())));
        mine.map(|line| line.trim_start_matches("<NA> ").to_owned()).collect::<Vec<_>>()
    };
    let all: Vec<String> = all.into_iter().chain([again]).collect();
    assert_eq!(of_them(&live.lines), all, "{}", live.errors);
    let replayed = output(["-r", &file, "-p", &format!("*{FORMAT}"), filter]);
    assert_eq!(of_them(&replayed.lines), all, "from the capture: {}", replayed.errors);

    let list = output(["--engine-socket", &lxd.argument(), "-c", "lscontainers"]);
    for id in [&old, &new, &shop_id] {
        let is_it =
            |line: &&String| line.starts_with("lxc ") && line.contains(IMAGE) && line.contains(&id[..18.min(id.len())]);
        assert_eq!(list.lines.iter().filter(is_it).count(), 1, "{id}: {:?} {}", list.lines, list.errors);
    }
    let doctor = output(["--doctor", "--engine-socket", &lxd.argument()]);
    let line = doctor.lines.iter().find(|line| line.contains("container engine: lxd ")).expect("a line of the engine");
    assert!(line.starts_with("ok ") && line.contains("API 1.0 at ") && line.contains(", 3 containers; "), "{line}");
    // Asked as another engine, it is said what it is.
    let socket = lxd.socket().display().to_string();
    let wrong = output(["--doctor", "--engine-socket", &format!("docker={socket}")]);
    let cause = format!("no answer at {socket}: it is lxd 5");
    assert!(wrong.lines.iter().any(|line| line.contains(&cause)), "{:?}", wrong.lines);
    let _ = lxd.lxc(&["delete", "--force", &shop, "--project", "shop"]);
}

#[test]
fn an_lxd_that_is_killed_and_returns_describes_the_next_container() {
    let Some(mut lxd) = start() else { return };
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &lxd.argument()]);
    let mut session = Session::lines_of(
        &mut command,
        FORMAT,
        "evt.type=execve and proc.name in (init, uname) and container.id!=host",
    );
    let [first, second] = ["first", "second"].map(unique);
    lxd.launch(&first, &["-c", "user.tier=a"]);
    let _ = session.wait_for(&[&expected("init", &first, "a", "default")]);
    lxd.kill();
    thread::sleep(Duration::from_millis(300));
    lxd.start_again();
    let answered = Instant::now();
    lxd.launch(&second, &["-c", "user.tier=b"]);
    // Nothing is written about it, so what only LXD knows is there as soon as it is asked again.
    wait::until("LXD to have told the rest", || {
        let _ = lxd.lxc(&["exec", &second, "uname"]);
        let line = session.wait_for(&[&format!("uname lxc {second} {second}")]);
        line.ends_with(&expected("uname", &second, "b", "default")).then_some(())
    });
    println!("the next container is known {:?} after LXD answers again", answered.elapsed());
    let live = session.end();
    assert!(live.lines.iter().all(|line| line.contains(&first) || line.contains(&second)), "{:?}", live.lines);
}

#[test]
fn events_are_followed_for_longer_than_two_pings() {
    let Some(lxd) = start() else { return };
    let mut command = tracer(["--buffer-size", "64M", "--engine-socket", &lxd.argument()]);
    let mut session =
        Session::lines_of(&mut command, FORMAT, "evt.type=execve and proc.name=init and container.id!=host");
    // LXD pings every ten seconds, and hangs up after two without an answer.
    thread::sleep(Duration::from_secs(31));
    let name = unique("late");
    lxd.launch(&name, &["-c", "user.tier=a"]);
    let _ = session.wait_for(&[&expected("init", &name, "a", "default")]);
    let live = session.end();
    assert!(!live.errors.contains("lost connection"), "{}", live.errors);
}

#[test]
fn one_that_sends_garbage_is_noted_and_names_are_there_all_the_same() {
    let Some(lxd) = start() else { return };
    let scratch = Scratch::new();
    let name = unique("plain");
    lxd.launch(&name, &[]);
    let lies: [(&str, &'static [u8]); 3] = [
        ("nothing", b""),
        ("no version", br#"{"type":"sync","metadata":{"api_version":"1.0","auth":"untrusted"}}"#),
        (
            "no list",
            br#"{"type":"sync","metadata":{"api_version":"1.0","environment":{"server":"lxd","server_version":"5"}}}"#,
        ),
    ];
    for (what, body) in lies {
        let socket = scratch.path(format!("{}.sock", what.replace(' ', "-")));
        let liar = Engine::start(&socket, 0, Box::new(move |connection, _| connection.whole(body)));
        let argument = format!("incus={}", liar.socket.display());
        let mut command = tracer(["--engine-socket", &argument]);
        let filter = format!("evt.type=execve and proc.name=uname and container.name={name}");
        let mut session = Session::lines_of(&mut command, "%proc.name %container.name %container.image", &filter);
        let _ = lxd.lxc(&["exec", &name, "uname"]);
        let _ = session.wait_for(&[&format!("uname {name} <NA>")]);
        let live = session.end();
        assert!(
            live.errors.contains(&format!("container engine at '{}'", socket.display())),
            "{what}: {}",
            live.errors
        );
    }
}
