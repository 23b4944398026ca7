//! Options of sysdig that are not there, and what to use instead.

use super::Failure;

/// Letter, name, what it was, what to do.
type Gone = (Option<char>, &'static str, &'static str, &'static str);

const GONE: &[Gone] = &[
    (Some('B'), "bpf", "the eBPF probe that had to be built", "leave it out: the kernel side is in the program"),
    (Some('u'), "udig", "tracing without a driver", "leave it out: the kernel side is in the program"),
    (Some('T'), "force-tracers-capture", "tracers", "there are none any more"),
    (Some('g'), "gvisor-config", "capturing from gVisor", "trace on a host whose containers use its kernel"),
    (None, "gvisor-generate-config", "capturing from gVisor", "trace on a host whose containers use its kernel"),
    (None, "gvisor-root", "capturing from gVisor", "trace on a host whose containers use its kernel"),
    (Some('H'), "plugin", "plugins", "containers and system logs are built in"),
    (Some('I'), "input", "events of plugins", "events of system calls need no option"),
    (None, "plugin-info", "plugins", "containers and system logs are built in"),
    (None, "plugin-config-file", "plugins", "containers and system logs are built in"),
    (Some('m'), "mesos-api", "Mesos", "names of containers come from their engine, -pc shows them"),
    (Some('k'), "k8s-api", "the Kubernetes API", "names of pods come from labels of containers, -pk shows them"),
    (Some('K'), "k8s-api-cert", "the Kubernetes API", "names of pods come from labels of containers, -pk shows them"),
    (Some('N'), "node-name", "the Kubernetes API", "names of pods come from labels of containers, -pk shows them"),
    (
        None,
        "cri",
        "the socket of a CRI engine",
        "sockets of Docker and podman are found where they usually are, --engine-socket names others",
    ),
    (
        None,
        "cri-timeout",
        "the patience with a CRI engine",
        "engines are asked beside the events, nothing waits for them",
    ),
    (None, "libs-version", "the version of sysdig's libraries", "tracer --version"),
    (
        None,
        "log-level",
        "the log of sysdig's libraries",
        "what matters is said on standard error; --kernel-log has more",
    ),
    (None, "large-environment", "long environments", "environments are kept up to 4096 bytes"),
];

/// Why an option is not there, if sysdig has it.
pub fn explain(option: &str) -> Option<Failure> {
    let name = option.split('=').next().unwrap_or(option);
    let is = |(letter, long, ..): &&Gone| match name.strip_prefix("--") {
        Some(name) => *long == name,
        None => name.strip_prefix('-').and_then(|rest| rest.chars().next()).is_some_and(|first| *letter == Some(first)),
    };
    let (.., what, instead) = GONE.iter().find(is)?;
    Some(Failure::with_hint(format!("option '{name}' ({what}) is not there"), *instead))
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
}
