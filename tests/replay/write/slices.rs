//! A part of a capture, chosen by a filter, is a capture that shows what the filter shows of the whole.

use std::path::Path;

use tracer_tests::{
    peer::{Peer, Tool, peer, peers},
    scap::Report,
    scratch::Scratch,
};

use super::{CAPTURES, lines, printed, run, same, same_lines, sample, sound, text, write};

/// What is known of an event and of those in front of it, but not its number.
const FORMAT: &str = "*%evt.rawtime %evt.cpu %evt.dir %evt.type %evt.args %evt.latency %thread.tid %proc.cmdline %proc.pname \
    %proc.cwd %fd.num %fd.type %fd.name %user.name %container.name";

/// Some need what other events change, some choose nothing at all.
const FILTERS: [&str; 12] = [
    "evt.type=read",
    "evt.type in (open, openat, close)",
    "evt.type=connect",
    "evt.type=execve",
    "evt.failed=true",
    "evt.cpu=1",
    "fd.type=file",
    "fd.name contains lib",
    "proc.name in (ls, server, filer)",
    "proc.aname contains bash",
    "container.id!=host",
    "proc.name=no-such-process",
];

/// How many lines a sysdig shows, when it reads to the end.
#[track_caller]
fn shown_by(reader: &Peer, path: &Path) -> usize {
    reader.read(path, &[]).lines().iter().filter(|line| !line.is_empty()).count()
}

#[test]
fn it_shows_what_the_filter_shows_of_the_whole() {
    let scratch = Scratch::new();
    let path = scratch.path("slice.scap");
    let (mut shown, mut hidden) = (0, 0);
    for capture in CAPTURES {
        for filter in FILTERS {
            let expected = printed(&sample(capture), &["-p", FORMAT, filter]);
            let ways = [&[][..], &["-F"], &["--filter-proclist"], &["-F", "--filter-proclist", "-z"]];
            for options in ways.into_iter().chain([&["--fatfile", "--schema", "newest"][..]]) {
                write(&sample(capture), &path, &[options, &[filter]].concat());
                same(&printed(&path, &["-p", FORMAT]), &expected, &format!("{capture} {options:?} {filter}"));
            }
            write(&sample(capture), &path, &[filter]);
            assert_eq!(sound(&path).state_only, 0, "{capture} {filter}");
            write(&sample(capture), &path, &["-F", filter]);
            hidden += sound(&path).state_only;
            shown += expected.iter().filter(|byte| **byte == b'\n').count();
        }
    }
    assert!(shown > 2000 && hidden > 500, "{shown} shown, {hidden} hidden");
}

#[test]
fn released_readers_read_each_part_to_its_end() {
    let readers = peers();
    let scratch = Scratch::new();
    let path = scratch.path("slice.scap");
    for capture in ["files", "run_as_user_0_container", "tcp-client-server"] {
        for filter in FILTERS {
            let count = lines(&sample(capture), &["-p", "%evt.type", filter]).len();
            for options in [&["-F"][..], &[], &["--filter-proclist"]] {
                write(&sample(capture), &path, &[options, &[filter]].concat());
                let _ = sound(&path);
                for reader in &readers {
                    let shown = shown_by(reader, &path);
                    let name = format!("{capture} {options:?} {filter}, {}", reader.tool());
                    // The older one also shows `container` events, at the beginning.
                    let more = usize::from(reader.tool() == Tool::Old) * 16;
                    assert!((count..=count + more).contains(&shown), "{name}: {shown} lines, not {count}");
                }
            }
        }
    }
}

#[test]
fn a_part_without_an_event_is_a_capture() {
    let scratch = Scratch::new();
    let path = scratch.path("none.scap");
    for capture in CAPTURES {
        for options in [&[][..], &["-z"], &["--filter-proclist"], &["--filter-proclist", "--compress=zstd"]] {
            write(&sample(capture), &path, &[options, &["proc.name=no-such-process and evt.type=ptrace"]].concat());
            let report: Report = sound(&path);
            assert!(report.event_count() > 0, "{capture} {options:?}: other readers refuse a file without one");
            assert_eq!(lines(&path, &[]).len(), 0, "{capture} {options:?}");
            let info = tracer_tests::command::output(["info", text(&path)]);
            assert_eq!(info.status.code(), Some(0), "{capture} {options:?}: {}", info.errors);
            if options.contains(&"--compress=zstd") {
                continue;
            }
            for reader in peers() {
                assert!(shown_by(&reader, &path) < 16, "{capture} {options:?}, {}", reader.tool());
            }
        }
    }
}

/// The threads that the tables of a capture have, by name.
fn processes(path: &Path) -> u64 {
    sound(path).processes.count
}

#[test]
fn processes_that_are_not_wanted_are_left_out_but_for_ancestors() {
    let scratch = Scratch::new();
    let [all, some] = ["all.scap", "some.scap"].map(|name| scratch.path(name));
    let capture = sample("run_as_user_0_container");
    let filter = "proc.name=sysdig";
    write(&capture, &all, &[filter]);
    write(&capture, &some, &["--filter-proclist", filter]);
    let (many, few) = (processes(&all), processes(&some));
    assert!(many > 100 && few > 3 && few < 20, "{few} of {many}");
    // Ancestors have their names still, up to the first.
    let format = ["-p", "%proc.name %proc.cmdline %proc.pname %proc.aname %user.name %thread.cgroup[cpu]"];
    let expected = lines(&all, &format);
    assert!(expected.iter().any(|line| line.contains("sudo") && line.contains("bash")), "{:?}", expected.first());
    same_lines(&lines(&some, &format), &expected, filter);
    // A filter that says nothing of threads leaves none out, nor does one that lets all through.
    for filter in ["evt.type=read", "evt.type=read or proc.name=sysdig"] {
        write(&capture, &some, &["--filter-proclist", filter]);
        assert_eq!(processes(&some), many, "{filter}");
    }
    write(&capture, &some, &["--filter-proclist", "container.id!=host"]);
    let (in_containers, left) = (processes(&some), lines(&some, &["-p", "%container.name", "container.id!=host"]));
    assert!(in_containers < 20, "{in_containers}");
    assert!(!left.is_empty() && left.iter().all(|name| name == "hopeful_taussig"), "{:?}", left.first());
}

#[test]
fn it_ends_after_a_number_of_events_or_a_time() {
    let scratch = Scratch::new();
    let path = scratch.path("short.scap");
    for capture in ["sample", "run_as_user_0_container"] {
        for options in
            [&["-n", "7"][..], &["-n", "7", "evt.type=read"], &["-M", "0.001"], &["-M", "0.001", "evt.cpu=1"]]
        {
            let expected = printed(&sample(capture), &[&["-p", FORMAT], options].concat());
            let fat = [&["-F"], options].concat();
            write(&sample(capture), &path, &fat);
            let _ = sound(&path);
            same(&printed(&path, &["-p", FORMAT]), &expected, &format!("{capture} {options:?}"));
        }
    }
    // Lines beside it are as many.
    let capture = sample("sample");
    let both = run(&["-r", text(&capture), "-w", text(&path), "-n", "9", "-pp"]).lines;
    assert_eq!(both.len(), 9);
    same_lines(&lines(&path, &[]), &both, "-n 9");
}

#[test]
fn a_part_that_is_written_again_shows_the_same() {
    let scratch = Scratch::new();
    let [first, second] = ["first.scap", "second.scap"].map(|name| scratch.path(name));
    for capture in ["connect_localhost", "files", "run_as_user_0_container"] {
        for filter in ["evt.type=read", "evt.type=connect", "proc.name in (ls, server, filer)", "container.id!=host"] {
            for options in [&[][..], &["-F"], &["--filter-proclist"]] {
                let what = format!("{capture} {options:?} {filter}");
                write(&sample(capture), &first, &[options, &[filter]].concat());
                // What the first one tells behind its events is told again, and so where another file begins.
                for more in [&[][..], &["--schema", "newest"]] {
                    write(&first, &second, more);
                    same(&printed(&second, &["-D", "-p", FORMAT]), &printed(&first, &["-D", "-p", FORMAT]), &what);
                }
                write(&first, &second, &[]);
                // Beginnings of calls are hidden by what they are.
                let (first, second) = (sound(&first), sound(&second));
                let begins = |report: &Report| -> u64 {
                    let begins = report.events.iter().filter(|(code, _)| *code % 2 == 0);
                    begins.map(|(_, count)| count).sum()
                };
                assert_eq!(begins(&first), begins(&second), "{what}");
                assert!(first.state_only - second.state_only <= begins(&first), "{what}");
            }
        }
    }
    let Some(new) = peer(Tool::New) else { return };
    same_lines(&new.read(&second, &[]).lines(), &new.read(&first, &[]).lines(), "sysdig 0.41");
}

/// Of a list of processes, the ids.
fn listed(path: &Path) -> Vec<String> {
    let rows = run(&["-r", text(path), "-c", "ps"]).lines.into_iter().skip(1);
    rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn lists_do_not_show_processes_as_alive_whose_end_the_filter_rejected() {
    let scratch = Scratch::new();
    let path = scratch.path("slice.scap");
    let mut ended = 0;
    for capture in CAPTURES {
        // The witness: the ends in the whole capture, of which the part has none.
        let ends = lines(&sample(capture), &["-p", "%proc.pid", "evt.type=procexit and thread.ismain=true"]);
        for filter in ["evt.type in (execve, clone)", "evt.type=no", "proc.name=systemd"] {
            let filter = if filter == "evt.type=no" { "evt.type=read and proc.name=no" } else { filter };
            write(&sample(capture), &path, &[filter]);
            let alive = listed(&path);
            let wrong: Vec<&String> = ends.iter().filter(|end| alive.contains(end)).collect();
            assert!(wrong.is_empty(), "{capture} {filter}: {wrong:?}");
            assert!(alive.len() > 10 || capture == "connect_localhost", "{capture} {filter}: {alive:?}");
            let _ = sound(&path);
        }
        ended += ends.len();
    }
    assert!(ended >= 4, "{ended}");
}
