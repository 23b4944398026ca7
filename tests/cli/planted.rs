//! What another user puts where root is going to write: nothing of it is followed, filled or waited for.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tracer_tests::{
    command::{self, Output, Running, tracer},
    level,
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
/// The user who attacks.
const NOBODY: u32 = 65534;
/// What a file of root says that must stay as it is.
const KEPT: &str = "a file of root\n";
/// Sticky as /tmp is, and not.
const STICKY: u32 = 0o1777;
const OPEN: u32 = 0o777;

/// A folder that everybody can write to, and one of root with a file.
struct Stage {
    scratch: Scratch,
    victim: PathBuf,
}

impl Stage {
    fn new(mode: u32) -> Self {
        let scratch = Scratch::new();
        fs::set_permissions(scratch.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, mode) in [("open", mode), ("root", 0o755)] {
            fs::create_dir(scratch.path(name)).unwrap();
            fs::set_permissions(scratch.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let victim = scratch.path("root/victim");
        fs::write(&victim, KEPT).unwrap();
        // So that the attacker may give it a second name: fs.protected_hardlinks is on where the tests run.
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o666)).unwrap();
        Self { scratch, victim }
    }

    fn path(&self, name: &str) -> String {
        self.scratch.path("open").join(name).to_str().unwrap().to_owned()
    }

    /// Starts a script of the attacker in the open folder; `$V` is the file of root.
    fn start(&self, script: &str) -> Child {
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]).env("V", &self.victim).current_dir(self.scratch.path("open"));
        tracer_tests::command::as_user(&mut shell, NOBODY).stdin(Stdio::null()).spawn().unwrap()
    }

    fn plant(&self, script: &str) {
        assert!(self.start(script).wait().unwrap().success(), "{script}");
    }

    #[track_caller]
    fn victim_is_kept(&self) {
        assert_eq!(fs::read_to_string(&self.victim).unwrap(), KEPT);
        assert_eq!(fs::metadata(&self.victim).unwrap().mode() & 0o777, 0o666);
        assert_eq!(fs::read_dir(self.scratch.path("root")).unwrap().count(), 1);
    }
}

/// Runs it, which takes no longer than that.
#[track_caller]
fn at_once(words: &[&str]) -> Output {
    let start = Instant::now();
    let output = command::output(words.iter().copied());
    assert!(start.elapsed() < Duration::from_secs(20), "{words:?}: {:?}", start.elapsed());
    output
}

/// It fails, and names the file, the reason, and the option.
#[track_caller]
fn refused(output: &Output, path: &str, reason: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mut lines = output.errors.lines().filter(|line| !line.contains("events seen"));
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with(&format!("tracer: cannot create capture '{path}': ")), "{}", output.errors);
    assert!(first.contains(reason), "{reason}: {}", output.errors);
    let hint = lines.next().unwrap_or_default();
    assert!(hint.starts_with("hint: ") && hint.contains("--force"), "{}", output.errors);
}

/// What is planted under the name `NAME`, and why it is not written to.
const PLANTED: [(&str, &str); 5] = [
    ("ln -s $V NAME", "it is a symbolic link"),
    ("ln -s nowhere NAME", "it is a symbolic link"),
    ("mkfifo NAME", "it is a FIFO"),
    (": > NAME; chmod 666 NAME", "it belongs to user 65534"),
    ("ln $V NAME", "it has several hard links"),
];

#[test]
fn nothing_planted_is_followed_filled_or_waited_for() {
    if !level::root_or_skip() {
        return;
    }
    for (script, reason) in PLANTED {
        // The file itself, one of a rotation whose name can be told before, and what a chisel writes.
        let ways: [(&str, &str, &[&str]); 3] = [
            ("x", "x", &["-r", SAMPLE, "-w", "x"]),
            ("x1", "x", &["-r", SAMPLE, "-w", "x", "-e", "100"]),
            ("x", "x", &["-r", SAMPLE, "-c", "around", "x 5", "evt.type=switch"]),
        ];
        for (planted, name, words) in ways {
            let stage = Stage::new(STICKY);
            stage.plant(&script.replace("NAME", planted));
            let before = fs::symlink_metadata(stage.path(planted)).unwrap();
            let words: Vec<String> = words
                .iter()
                .map(|word| match word.strip_prefix(name) {
                    Some(rest) if rest.is_empty() || rest.starts_with(' ') => stage.path(name) + rest,
                    _ => (*word).to_owned(),
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            refused(&at_once(&words), &stage.path(planted), reason);
            stage.victim_is_kept();
            let after = fs::symlink_metadata(stage.path(planted)).unwrap();
            assert_eq!((before.ino(), before.uid(), before.len()), (after.ino(), after.uid(), after.len()), "{script}");
        }
    }
}

#[test]
fn no_link_leads_to_another_folder() {
    if !level::root_or_skip() {
        return;
    }
    for mode in [STICKY, OPEN] {
        let stage = Stage::new(mode);
        stage.plant("ln -s \"${V%/*}\" d; mkdir own; ln -s \"${V%/*}\" own/d");
        for link in ["d", "own/d", "../open/own/../d"] {
            let path = stage.path(&format!("{link}/x"));
            let output = at_once(&["-r", SAMPLE, "-w", &path]);
            refused(&output, &path, "d' is a symbolic link, and ");
            stage.victim_is_kept();
            assert_eq!(at_once(&["-r", SAMPLE, "--force", "-w", &path]).status.code(), Some(0), "the path is right");
            fs::remove_file(stage.scratch.path("root/x")).unwrap();
        }
    }
}

#[test]
fn a_folder_that_others_can_write_to_is_sticky() {
    if !level::root_or_skip() {
        return;
    }
    let stage = Stage::new(OPEN);
    let folder = stage.scratch.path("open");
    let path = stage.path("x");
    let owned_by = |uid, gid, mode| {
        chown(&folder, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (uid, gid, mode, who) in [
        (0, 0, OPEN, "every user"),
        (0, NOBODY, 0o775, "group 65534"),
        (NOBODY, 0, 0o755, "user 65534"),
        (NOBODY, NOBODY, 0o700, "user 65534"),
    ] {
        owned_by(uid, gid, mode);
        let says = format!("{who} can write to the folder '{}', which is not sticky", folder.display());
        refused(&at_once(&["-r", SAMPLE, "-w", &path]), &path, &says);
        assert!(!Path::new(&path).exists(), "{who}");
        let words = ["-r", SAMPLE, "-c", "udp_extract", folder.to_str().unwrap()];
        let output = at_once(&words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.errors.contains(&says) && output.errors.contains("--force"), "{}", output.errors);
        for words in [&["-r", SAMPLE, "--force", "-w", &path][..], &[&words[..2], &["--force"], &words[2..]].concat()] {
            assert_eq!(at_once(words).status.code(), Some(0), "{words:?}");
        }
        fs::remove_file(&path).unwrap();
    }
    for (uid, gid, mode) in [(0, 0, STICKY), (0, 0, 0o775), (0, NOBODY, 0o755)] {
        owned_by(uid, gid, mode);
        assert_eq!(at_once(&["-r", SAMPLE, "-w", &path]).status.code(), Some(0), "{mode:o}");
        let made = fs::metadata(&path).unwrap();
        assert_eq!((made.uid(), made.mode() & 0o777), (0, 0o600));
        // One's own is written over.
        assert_eq!(at_once(&["-r", SAMPLE, "-w", &path, "evt.type=nothing"]).status.code(), Some(2));
        assert_eq!(at_once(&["-r", SAMPLE, "-w", &path, "evt.num=1"]).status.code(), Some(0));
        assert_eq!(fs::metadata(&path).unwrap().ino(), made.ino());
        fs::remove_file(&path).unwrap();
    }
    // Who called sudo(8) may have the file in a folder of their own.
    owned_by(NOBODY, NOBODY, 0o755);
    let mut sudo = tracer(["-r", SAMPLE, "-w", &path]);
    assert_eq!(Running::start(sudo.env("SUDO_UID", NOBODY.to_string())).end().status.code(), Some(0));
}

#[test]
fn a_name_that_changes_all_the_time_leads_nowhere_else() {
    if !level::root_or_skip() {
        return;
    }
    let stage = Stage::new(STICKY);
    let mut attacker =
        stage.start("while :; do ln -s $V x; rm -f x; ln $V x; rm -f x; : > x; rm -f x; done 2>/dev/null");
    let path = stage.path("x");
    let mut refusals = 0;
    for _ in 0..60 {
        let output = at_once(&["-r", SAMPLE, "-n", "1", "-w", &path]);
        stage.victim_is_kept();
        if output.status.code() == Some(0) {
            // A name of root's that the attacker cannot remove: make room for the next race.
            assert_eq!(fs::symlink_metadata(&path).unwrap().uid(), 0);
            fs::remove_file(&path).unwrap();
        } else {
            refusals += 1;
        }
        if attacker.try_wait().unwrap().is_some() {
            attacker =
                stage.start("while :; do ln -s $V x; rm -f x; ln $V x; rm -f x; : > x; rm -f x; done 2>/dev/null");
        }
    }
    attacker.kill().unwrap();
    let _ = attacker.wait();
    assert!(refusals > 0, "the attacker was never there in time");
}

#[test]
fn what_is_written_at_the_end_is_looked_at_before_the_first_line() {
    if !level::root_or_skip() {
        return;
    }
    for (script, reason) in PLANTED {
        let stage = Stage::new(STICKY);
        stage.plant(&script.replace("NAME", "x"));
        let argument = format!("{} 100", stage.path("x"));
        let output = at_once(&["-r", SAMPLE, "-c", "around", &argument]);
        assert!(output.lines.is_empty(), "{script}: {:?}", output.lines);
        assert_eq!(output.status.code(), Some(1), "{script}: {}", output.errors);
        assert!(output.errors.contains(reason), "{script}: {}", output.errors);
    }
}

#[test]
fn with_force_it_is_written_wherever_the_path_leads() {
    if !level::root_or_skip() {
        return;
    }
    let whole = at_once(&["-r", SAMPLE, "-p", "%evt.num"]).lines;
    for (script, _) in PLANTED.iter().filter(|(script, _)| !script.contains("mkfifo")) {
        let stage = Stage::new(STICKY);
        stage.plant(&script.replace("NAME", "x"));
        let path = stage.path("x");
        assert_eq!(at_once(&["-r", SAMPLE, "--force", "-w", &path]).status.code(), Some(0), "{script}");
        assert_eq!(at_once(&["-r", &path, "-p", "%evt.num"]).lines, whole, "{script}");
    }
    // A FIFO is not waited for then either, but it is written to.
    let stage = Stage::new(STICKY);
    stage.plant("mkfifo x");
    let (path, copy) = (stage.path("x"), stage.path("copy"));
    let output = at_once(&["-r", SAMPLE, "--force", "-w", &path]);
    assert!(output.errors.contains("no program reads from it\nhint: start its reader first"), "{output:?}");
    let mut reader = stage.start("exec cat x > copy");
    let deadline = Instant::now() + command::DEADLINE;
    // The reader is there when it waits for the other end.
    while at_once(&["-r", SAMPLE, "--force", "-w", &path]).status.code() != Some(0) {
        assert!(Instant::now() < deadline, "the reader never came");
    }
    assert!(reader.wait().unwrap().success());
    assert_eq!(at_once(&["-r", &copy, "-p", "%evt.num"]).lines, whole);
}

#[test]
fn devices_and_own_descriptors_are_written_to() {
    let null = command::output(["-r", SAMPLE, "-w", "/dev/null"]);
    assert_eq!(null.status.code(), Some(0), "{null:?}");
    let whole = command::output(["-r", SAMPLE, "-p", "%evt.num"]).lines;
    let binary = level::tracer();
    for script in
        ["\"$0\" -r \"$1\" -w /dev/stdout", "\"$0\" -r \"$1\" -w -", "{ \"$0\" -r \"$1\" -w >(cat >&3); } 3>&1"]
    {
        let script = format!("{script} | \"$0\" -r - -p %evt.num");
        let output = Running::start(Command::new("bash").args(["-c", &script]).arg(&binary).arg(SAMPLE)).end();
        assert_eq!(output.lines, whole, "{script}: {}", output.errors);
    }
}
