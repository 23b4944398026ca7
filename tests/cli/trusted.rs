//! Settings and chisels that another user made or can change are not obeyed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::Command,
};

use tracer_tests::{
    command::{self, Output, Running, tracer},
    level,
    scratch::Scratch,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/sample.scap");
/// The user who attacks.
const NOBODY: u32 = 65534;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A chisel that says who it is.
fn chisel(summary: &str) -> String {
    format!("chisel(#{{ summary: \"{summary}\" }});\n")
}

/// Runs a command with this folder for configurations, in this working directory.
fn run(command: &mut Command, home: &Path, here: &Path) -> Output {
    Running::start(command.current_dir(here).env_remove("XDG_CONFIG_HOME").env("HOME", home)).end()
}

/// Owner, group and mode.
type Rights = (u32, u32, u32);

/// Rights of the file and of its folder, and who can change the file by that.
const OTHERS: [(Rights, Rights, &str); 6] = [
    ((NOBODY, NOBODY, 0o644), (0, 0, 0o755), "user 65534 can change it"),
    ((0, 0, 0o666), (0, 0, 0o755), "every user can change it"),
    ((0, NOBODY, 0o664), (0, 0, 0o755), "group 65534 can change it"),
    ((0, 0, 0o644), (NOBODY, 0, 0o755), "user 65534 can write to the folder"),
    ((0, 0, 0o644), (0, 0, 0o777), "every user can write to the folder"),
    ((0, 0, 0o644), (0, NOBODY, 0o775), "group 65534 can write to the folder"),
];

fn give(path: &Path, (uid, gid, mode): Rights) {
    chown(path, Some(uid), Some(gid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn settings_that_others_can_change_are_not_obeyed() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path(".config/tracer");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tracer.toml");
    fs::write(&file, "print = 'obeyed %evt.num'\n").unwrap();
    let read = || run(&mut tracer(["-r", SAMPLE, "-n1"]), scratch.dir(), scratch.dir());
    let obeyed = |output: &Output| output.lines[0].starts_with("obeyed ");
    let own = read();
    assert!(obeyed(&own) && !own.errors.contains("ignored"), "{own:?}");
    for (of_file, of_folder, why) in OTHERS {
        give(&file, of_file);
        // Also a folder further up: who renames it decides.
        for changed in [folder.clone(), scratch.path(".config")] {
            give(&changed, of_folder);
            let output = read();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(!obeyed(&output), "{why}: {output:?}");
            let note = format!("tracer: note: settings in {} are ignored: {why}", text(&file));
            assert!(output.errors.starts_with(&note) && output.errors.contains("\nhint: "), "{}", output.errors);
            // One that is asked for is refused.
            let output = command::output(["--config", text(&file), "-r", SAMPLE, "-n1"]);
            assert_eq!((output.status.code(), output.lines.len()), (Some(2), 0), "{output:?}");
            assert!(output.errors.contains(why), "{}", output.errors);
            give(&changed, (0, 0, 0o755));
        }
        give(&file, (0, 0, 0o644));
    }
    // A link of another user to a file of root, and a FIFO that would be waited for.
    let open = scratch.path("open");
    fs::create_dir(&open).unwrap();
    for mode in [0o1777, 0o777] {
        give(&open, (0, 0, mode));
        give(scratch.dir(), (0, 0, 0o755));
        for script in ["ln -s \"$V\" x", "mkfifo x", "ln -s \"${V%/*}\" d; ln -s d/tracer.toml x"] {
            let mut shell = Command::new("sh");
            shell.args(["-ec", script]).env("V", &file).current_dir(&open);
            assert!(command::as_user(&mut shell, NOBODY).status().unwrap().success());
            let output = command::output(["--config", text(&open.join("x")), "-r", SAMPLE, "-n1"]);
            assert_eq!((output.status.code(), output.lines.len()), (Some(2), 0), "{script}: {output:?}");
            fs::remove_file(open.join("x")).unwrap();
        }
        fs::remove_file(open.join("d")).unwrap();
    }
    assert!(obeyed(&read()));
}

#[test]
fn chisels_that_others_can_change_are_not_loaded_from_folders() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    give(scratch.dir(), (0, 0, 0o755));
    let folder = scratch.path(".config/tracer/chisels");
    fs::create_dir_all(&folder).unwrap();
    let named = scratch.path("named");
    fs::create_dir(&named).unwrap();
    for (folder, words) in [(&folder, &[][..]), (&named, &["--chisel-dir", text(&named)])] {
        let file = folder.join("topscalls.rhai");
        fs::write(&file, chisel("of the folder")).unwrap();
        let about = || run(tracer(words.iter().copied()).args(["-i", "topscalls"]), scratch.dir(), scratch.dir());
        assert!(about().lines[0].contains("of the folder"), "{:?}", about());
        for (of_file, of_folder, why) in OTHERS {
            give(&file, of_file);
            give(folder, of_folder);
            let output = about();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            assert!(!output.lines[0].contains("of the folder"), "the one in the binary: {output:?}");
            let note = format!("tracer: note: chisel '{}' is ignored: {why}", text(&file));
            assert_eq!(output.errors.matches(&note).count(), 1, "{}", output.errors);
            let list = run(tracer(words.iter().copied()).arg("-cl"), scratch.dir(), scratch.dir());
            assert!(!list.lines.iter().any(|line| line.contains("of the folder")), "{list:?}");
            give(&file, (0, 0, 0o644));
            give(folder, (0, 0, 0o755));
        }
        fs::remove_file(&file).unwrap();
    }
}

/// Who makes a folder `chisels` where root happens to be decides nothing.
#[test]
fn chisels_of_the_working_directory_have_to_be_named() {
    let scratch = Scratch::new();
    let folder = scratch.path("chisels");
    fs::create_dir(&folder).unwrap();
    for name in ["topscalls", "mine"] {
        fs::write(folder.join(format!("{name}.rhai")), chisel("of the folder")).unwrap();
    }
    let about = |words: &[&str]| run(&mut tracer(words.iter().copied()), &scratch.path("none"), scratch.dir());
    let note = |name: &str| {
        format!(
            "tracer: note: './chisels/{name}.rhai' is not loaded, because its folder was not given\n\
             hint: --chisel-dir ./chisels loads it\n"
        )
    };
    let output = about(&["-i", "topscalls"]);
    assert!(output.status.success() && !output.lines[0].contains("of the folder"), "{output:?}");
    assert_eq!(output.errors, note("topscalls"));
    let output = about(&["-c", "mine", "-r", SAMPLE]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.errors.starts_with(&note("mine")), "{}", output.errors);
    assert!(output.errors.contains("tracer: chisel 'mine': there is no chisel with this name"), "{}", output.errors);
    for words in [&["--chisel-dir", "./chisels", "-i", "mine"][..], &["--chisel-dir=chisels", "-i", "mine"]] {
        let output = about(words);
        assert!(output.lines[0].contains("of the folder") && output.errors.is_empty(), "{output:?}");
    }
    assert!(about(&["-i", "spy_users"]).errors.is_empty(), "there is none of that name");
    // A variable that is empty does not make the working directory the place for settings.
    fs::create_dir_all(scratch.path(".config/tracer")).unwrap();
    fs::write(scratch.path(".config/tracer/tracer.toml"), "print = 'obeyed'\n").unwrap();
    for (variable, value) in [("HOME", ""), ("HOME", "."), ("XDG_CONFIG_HOME", ".config")] {
        let mut command = tracer(["-r", SAMPLE, "-n1"]);
        command.env("HOME", "/nowhere").env_remove("XDG_CONFIG_HOME").env(variable, value).current_dir(scratch.dir());
        let output = Running::start(&mut command).end();
        assert!(output.status.success() && output.lines[0] != "obeyed", "{variable}={value}: {output:?}");
    }
}

/// What is done once is no default, and is refused with the name of the file.
#[test]
fn settings_make_nothing_happen() {
    let scratch = Scratch::new();
    let [file, made] = ["tracer.toml", "made.scap"].map(|name| scratch.path(name));
    for entry in [
        format!("write = '{}'", text(&made)),
        "explain = true".to_owned(),
        "doctor = true".to_owned(),
        "force = true".to_owned(),
        "list-markdown = true".to_owned(),
        "watch = true".to_owned(),
    ] {
        fs::write(&file, &entry).unwrap();
        let output = command::output(["--config", text(&file), "-r", SAMPLE]);
        assert_eq!((output.status.code(), output.lines.len()), (Some(2), 0), "{entry}: {output:?}");
        let key = entry.split(' ').next().unwrap();
        let says = format!("tracer: {}: option '{key}' cannot be a default\nhint: give --{key} on", text(&file));
        assert!(output.errors.starts_with(&says), "{}", output.errors);
        assert!(!made.exists());
    }
    fs::write(&file, format!("# {}\n", "x".repeat(2 << 20))).unwrap();
    let output = command::output(["--config", text(&file), "-l"]);
    assert!(output.status.code() == Some(2) && output.errors.contains("it has more than 64 KiB"), "{output:?}");
}
