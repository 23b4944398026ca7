//! What is left out of a capture is in no byte of it.

use std::{fs, path::Path};

use tracer_tests::{
    scap::build::{EVENT, block, event, head, read_x},
    scratch::Scratch,
};

use super::{lines, printed, same, sample, sound, write};

/// The start of a program with an environment and arguments, and data that is read: each has a word of its own.
fn capture() -> Vec<u8> {
    let (eight, four, text) = (&[0; 8][..], &[0; 4][..], &b"/bin/tool\0"[..]);
    let tid = &7_u64.to_le_bytes()[..];
    let (args, env) = (&b"--token=ARGSECRET\0"[..], &b"PASSWORD=ENVSECRET\0HOME=/\0"[..]);
    let cgroups = &b"cpu=/\0"[..];
    let ids: [&[u8]; 8] = [eight, text, args, tid, tid, eight, &b"/\0"[..], eight];
    let memory: [&[u8]; 5] = [eight, eight, four, four, four];
    let program: [&[u8]; 4] = [b"tool\0", cgroups, env, four];
    let rest: [&[u8]; 13] = [tid, four, four, eight, eight, eight, eight, eight, eight, four, text, tid, four];
    let params = [&ids[..], &memory, &program, &rest].concat();
    assert_eq!(params.len(), 30);
    let execve = event(2_000_000_000, 293, &params, b"");
    let data = [&3_u64.to_le_bytes()[..], b"DATASECRET", eight, &4096_u32.to_le_bytes()];
    let read = event(3_000_000_000, 7, &data, b"");
    // What other tools tell of a container has its environment, too.
    let json = b"{\"container\":{\"id\":\"0123456789ab\",\"name\":\"web\",\"env\":[\"PASSWORD=ENVSECRET\"]}}\0";
    let container = event(1_500_000_000, 272, &[json], b"");
    let events = [read_x(1_000_000_000, b""), container, execve, read];
    [head()].into_iter().chain(events.iter().map(|event| block(EVENT, event))).collect::<Vec<_>>().concat()
}

fn has(path: &Path, word: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

const SECRETS: [(&str, &str); 3] = [("args", "ARGSECRET"), ("env", "ENVSECRET"), ("data", "DATASECRET")];

#[test]
fn no_byte_of_a_secret_is_there_and_the_rest_is() {
    let scratch = Scratch::new();
    let [from, path] = ["from.scap", "path.scap"].map(|name| scratch.path(name));
    fs::write(&from, capture()).unwrap();
    assert!(SECRETS.iter().all(|(_, word)| has(&from, word)));
    write(&from, &path, &[]);
    assert!(SECRETS.iter().all(|(_, word)| has(&path, word)), "nothing is left out that was not named");
    for what in ["args", "env", "data", "env,args", "args,data,env"] {
        for more in [&[][..], &["--schema", "newest"], &["-F", "evt.type=read"], &["-e", "1"]] {
            write(&from, &path, &[&["--redact", what], more].concat());
            let files: Vec<_> = if more.contains(&"-e") {
                (0..3).map(|number| scratch.path(format!("path.scap{number}"))).collect()
            } else {
                vec![path.clone()]
            };
            for file in &files {
                for (name, word) in SECRETS {
                    let is_out = what.split(',').any(|what| what == name);
                    assert!(!is_out || !has(file, word), "{word} is in it: {what} {more:?}");
                }
            }
        }
        write(&from, &path, &["--redact", what]);
        let _ = sound(&path);
        let format = ["-p", "%evt.rawtime %evt.type %proc.exe %proc.pid %evt.rawres %fd.num"];
        same(&printed(&path, &format), &printed(&from, &format), what);
        assert!(has(&path, "\"name\":\"web\""), "a container is told all the same");
        for (name, word) in SECRETS {
            assert_eq!(has(&path, word), what.split(',').all(|what| what != name), "{word}: {what}");
        }
    }
}

#[test]
fn secrets_of_processes_that_were_there_are_left_out_too() {
    let scratch = Scratch::new();
    let path = scratch.path("path.scap");
    let capture = sample("run_as_user_0_container");
    write(&capture, &path, &[]);
    assert!(has(&path, "LESSCLOSE=") && has(&path, "--containerd"));
    write(&capture, &path, &["--redact", "env,args"]);
    assert!(!has(&path, "LESSCLOSE=") && !has(&path, "--containerd"));
    let _ = sound(&path);
    let found = lines(&path, &["-p", "%proc.name %proc.args %proc.env"]);
    assert!(found.iter().any(|line| line.trim_end() == "sysdig"), "{:?}", found.first());
}

#[test]
fn latencies_and_cpu_times_are_there_unless_they_are_left_out() {
    let scratch = Scratch::new();
    let path = scratch.path("path.scap");
    let capture = sample("tcp-client-server");
    let latencies = |path: &Path| -> Vec<String> { lines(path, &["-p", "%evt.latency"]) };
    let known = |path: &Path| latencies(path).iter().filter(|latency| *latency != "<NA>").count();
    let whole = known(&capture);
    assert!(whole > 50, "{whole}");
    write(&capture, &path, &[]);
    assert_eq!(latencies(&path), latencies(&capture));
    assert!(sound(&path).events[&234] > 0, "CPU times are there");
    write(&capture, &path, &["--no-latency"]);
    let _ = sound(&path);
    assert_eq!(known(&path), 0);
    same(&printed(&path, &[]), &printed(&capture, &[]), "lines do not show them");
    write(&capture, &path, &["--no-cpu"]);
    assert!(sound(&path).events.get(&234).copied().unwrap_or(0) <= 1, "CPU times are not there");
    assert_eq!(known(&path), whole);
    let table = |path: &Path| lines(path, &["-c", "topprocs_cpu"]).len();
    assert!(table(&path) < table(&capture));
}
