//! Options of sysdig that are not there, and what to use instead.

use super::Failure;

use Then::{Fails, Ignored};

/// What comes of an option that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// What it asks for cannot be done.
    Fails,
    /// Without it the output is the same, or has fewer names: a note says so. With the flag, the option has a value.
    Ignored(bool),
}

/// Letter, name, what it was, what to do, and what comes of it.
type Gone = (Option<char>, &'static str, &'static str, &'static str, Then);

const GONE: &[Gone] = &[
    (Some('B'), "bpf", "the eBPF probe to build", "leave it out; the BPF programs are built in", Ignored(false)),
    (None, "udig", "tracing without a driver", "leave it out; the BPF programs are built in", Ignored(false)),
    (
        Some('T'),
        "force-tracers-capture",
        "tracers",
        "leave it out; the time of a call, which strace -T shows, is %evt.latency, and tracer run --strace prints it",
        Fails,
    ),
    (Some('g'), "gvisor-config", "capturing from gVisor", "trace a host whose containers share its kernel", Fails),
    (None, "gvisor-generate-config", "capturing from gVisor", "trace a host whose containers share its kernel", Fails),
    (None, "gvisor-root", "capturing from gVisor", "trace a host whose containers share its kernel", Fails),
    (Some('H'), "plugin", "plugins", "containers and system logs are built in", Fails),
    (Some('I'), "input", "events of plugins", "events of system calls need no option", Fails),
    (None, "plugin-info", "plugins", "containers and system logs are built in", Fails),
    (None, "plugin-config-file", "plugins", "containers and system logs are built in", Fails),
    (Some('m'), "mesos-api", "Mesos", "container names come from the engine; -pc shows them", Ignored(true)),
    (
        Some('k'),
        "k8s-api",
        "the Kubernetes API",
        "pod names come from the container runtime; -pk shows them",
        Ignored(true),
    ),
    (
        Some('K'),
        "k8s-api-cert",
        "the Kubernetes API",
        "pod names come from the container runtime; -pk shows them",
        Ignored(true),
    ),
    (
        Some('N'),
        "node-name",
        "the Kubernetes API",
        "pod names come from the container runtime; -pk shows them",
        Ignored(true),
    ),
    (
        None,
        "cri",
        "the socket of a CRI engine",
        "containerd and CRI-O sockets are found at their usual paths; --engine-socket cri=PATH adds others",
        Fails,
    ),
    (
        None,
        "cri-timeout",
        "the timeout for a CRI engine",
        "leave it out; events do not wait for engines",
        Ignored(true),
    ),
    (None, "libs-version", "the version of sysdig's libraries", "tracer --version", Fails),
    (
        None,
        "log-level",
        "the log of sysdig's libraries",
        "messages go to standard error; --kernel-log shows more",
        Fails,
    ),
    (
        None,
        "large-environment",
        "long environments",
        "environments are kept up to 4091 bytes; --args-limit keeps more",
        Ignored(false),
    ),
];

/// The row of an option, and the option without its value.
fn find(option: &str) -> Option<(&'static Gone, &str)> {
    let name = option.split('=').next().unwrap_or(option);
    let is = |(letter, long, ..): &&Gone| match name.strip_prefix("--") {
        Some(name) => *long == name,
        None => name.strip_prefix('-').and_then(|rest| rest.chars().next()).is_some_and(|first| *letter == Some(first)),
    };
    GONE.iter().find(is).map(|gone| (gone, name))
}

/// Why an option is not there, if sysdig has it.
pub fn explain(option: &str) -> Option<Failure> {
    let ((_, _, what, instead, _), name) = find(option)?;
    Some(Failure::with_hint(format!("option '{name}' ({what}) is not supported"), *instead))
}

/// What to say of an option that is left out because the output is much the same without it, and whether the next word is its
/// value.
pub fn ignored(option: &str) -> Option<(String, bool)> {
    let ((_, _, what, instead, then), name) = find(option)?;
    let Ignored(has_value) = then else { return None };
    // -kURL and --k8s-api=URL are one word.
    let is_whole = if name.starts_with("--") { name == option } else { option.chars().count() == 2 };
    let name = if name.starts_with("--") { name } else { name.get(..2).unwrap_or(name) };
    Some((format!("option '{name}' ({what}) is ignored\nhint: {instead}"), *has_value && is_whole))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Args;

    #[test]
    fn every_option_that_is_gone_is_explained_and_is_no_option() {
        let command = Args::command();
        for (letter, long, ..) in GONE {
            assert!(explain(&format!("--{long}")).is_some() && explain(&format!("--{long}=x")).is_some());
            assert!(command.get_arguments().all(|arg| arg.get_long() != Some(long)), "--{long} is an option");
            if let Some(letter) = letter {
                assert!(explain(&format!("-{letter}")).is_some());
                assert!(command.get_arguments().all(|arg| arg.get_short() != Some(*letter)), "-{letter} is an option");
            }
        }
        assert!(explain("--nonsense").is_none() && explain("-Q").is_none());
    }

    #[test]
    fn what_only_names_depended_on_is_ignored_with_a_note() {
        let of = |option: &str| {
            ignored(option).map(|(note, has_value)| (note.lines().next().unwrap_or("").to_owned(), has_value))
        };
        let note = |option: &str| format!("option '{option}' (the Kubernetes API) is ignored");
        assert_eq!(of("-k"), Some((note("-k"), true)));
        assert_eq!(of("-khttp://x"), Some((note("-k"), false)));
        assert_eq!(of("--k8s-api"), Some((note("--k8s-api"), true)));
        assert_eq!(of("--k8s-api=http://x"), Some((note("--k8s-api"), false)));
        assert_eq!(of("-B").map(|(_, has_value)| has_value), Some(false));
        assert_eq!((of("-H"), of("-n")), (None, None));
    }
}
