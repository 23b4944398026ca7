//! Secrets that are left out of a live capture are in none of its bytes.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use tracer_tests::{command::tracer, level, scratch::Scratch, session::Session};

use super::{replay, sound, text};

const SECRETS: [(&str, &str); 3] = [("env", "ENVSECRET"), ("args", "ARGSECRET"), ("data", "DATASECRET")];

/// Captures a shell that has all of them and starts programs with them; the secrets that are in the file.
fn captured(options: &[&str]) -> Vec<&'static str> {
    let scratch = Scratch::new();
    let file = scratch.path("secrets.scap");
    let mut shell = Command::new("setsid");
    shell
        .args(["sh", "-c", "read go; (/bin/true ARGSECRET); cat > /dev/null", "sh", "ARGSECRET"])
        .env("PASSWORD", "ENVSECRET");
    let mut shell = shell.stdin(Stdio::piped()).spawn().expect("a shell");
    let filter = format!("proc.sid={}", shell.id());
    let session = Session::lines_of(tracer(["-w", text(&file)]).args(options), "%evt.type %proc.name", &filter);
    shell.stdin.take().expect("piped").write_all(b"go\nDATASECRET\n").expect("it reads");
    assert!(shell.wait().expect("a child").success());
    let live = session.end();
    let _ = sound(&file);
    // What is left out is no event. Lines of a live run leave switches out, too.
    let again = replay(&file, &["-p", "*%fd.name %evt.type %proc.name", &filter]).lines;
    let own =
        |lines: &[String]| lines.iter().filter(|line| !line.contains("/beacon ") && !line.contains("switch ")).count();
    assert_eq!(own(&again), own(&live.lines), "{options:?}");
    let bytes = fs::read(&file).unwrap();
    let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    SECRETS.into_iter().filter(|(_, word)| has(word)).map(|(what, _)| what).collect()
}

#[test]
fn what_is_redacted_is_in_no_byte_of_a_live_capture() {
    if !level::root_or_skip() || !level::program_or_skip("setsid") {
        return;
    }
    assert_eq!(captured(&[]), ["env", "args", "data"], "nothing is left out that was not named");
    assert_eq!(captured(&["--redact", "env"]), ["args", "data"]);
    assert_eq!(captured(&["--redact", "args", "-F"]), ["env", "data"]);
    assert_eq!(captured(&["--redact", "data"]), ["env", "args"]);
    assert_eq!(captured(&["--redact", "env,args,data", "--schema", "released"]), [""; 0]);
}
