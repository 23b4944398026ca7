//! The subcommands, a row each: their names, what is said of them, their options, and what carries them out.

use std::{path::Path, process::ExitCode};

use clap::{Command, CommandFactory as _, Parser};

use super::{Args, End, Failure, Live, chisel_tool, config, engine, info, journal, logs, message, replay, serve, top};
use crate::{confine::Paths, message::Report};

/// Carries out the words behind a subcommand.
type Execute = fn(&[String], Live) -> Result<ExitCode, End>;

/// A subcommand.
pub(super) struct Subcommand {
    /// The word for it.
    pub(super) name: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// `tracer help NAME`.
    pub(super) help: &'static str,
    /// Its options.
    pub(super) options: fn() -> Command,
    /// What carries out the words behind it. Without it, they are options of tracer itself.
    pub(super) execute: Option<Execute>,
    /// Whether `--help` lists its options, instead of saying what `tracer help NAME` does.
    pub(super) lists_options: bool,
}

/// All of them, in the order in which they are listed.
pub(super) const ALL: &[Subcommand] = &[
    Subcommand {
        name: top::TOP,
        summary: "show tables on a full screen",
        help: TOP,
        options: top::command,
        execute: Some(top::execute),
        lists_options: true,
    },
    Subcommand {
        name: super::command::RUN,
        summary: "trace a command and all that it starts",
        help: RUN,
        options: Args::command,
        execute: None,
        lists_options: false,
    },
    Subcommand {
        name: logs::LOGS,
        summary: "show and follow the logs of containers",
        help: LOGS,
        options: logs::command,
        execute: Some(logs::execute),
        lists_options: true,
    },
    Subcommand {
        name: journal::JOURNAL,
        summary: "show and follow the journal of systemd",
        help: JOURNAL,
        options: journal::command,
        execute: Some(journal::execute),
        lists_options: true,
    },
    Subcommand {
        name: serve::SERVE,
        summary: "serve metrics, a REST API and a web page",
        help: SERVE,
        options: serve::command,
        execute: Some(serve::execute),
        lists_options: true,
    },
    Subcommand {
        name: engine::ENGINE,
        summary: "show what container engines say",
        help: ENGINE,
        options: engine::command,
        execute: Some(engine::execute),
        lists_options: true,
    },
    Subcommand {
        name: "info",
        summary: "describe a capture file",
        help: INFO,
        options: || {
            Command::new("info").arg(clap::Arg::new("file").value_name("FILE").value_hint(clap::ValueHint::FilePath))
        },
        execute: Some(|files, _| info(files)),
        lists_options: false,
    },
    Subcommand {
        name: "chisel",
        summary: "write and check chisels: new, check, test",
        help: CHISEL,
        options: || {
            Command::new("chisel").subcommands(["new", "check", "test"].map(Command::new)).disable_help_subcommand(true)
        },
        execute: Some(|words, _| {
            let confine = |paths: &Paths| replay::confine(paths, false);
            chisel_tool::run(words, &confine, &mut Report::stdout())
        }),
        lists_options: false,
    },
];

/// `tracer run --help`.
const RUN: &str = "\
Trace a command and all its children, from the first call to the last. tracer
exits with the exit status of the command. All options, filters and chisels
work. Standard output belongs to the command: tracer writes to standard error,
or to the file that -o names.

  tracer run -- ./build.sh                  every call, one line each
  tracer run evt.failed=true -- ./build.sh  only those that fail
  tracer run --strace -- ls /               lines as strace prints them
  tracer run --summary -- make              number and time of each call
  tracer run --trace-json -o t.json -- make a timeline for Perfetto
  tracer run -c topfiles_bytes -- make      the table of a chisel
  tracer run -c topscalls -o calls.txt -- make > make.log
  tracer run -u nobody -- id                as that user
  tracer --pid 1234                         a running process and its children
";

/// `tracer help top`; `tracer top --help` lists the options.
const TOP: &str = "\
Show what processes and containers are doing on a full screen. Tables refresh
every second; Enter goes into the selected row, Backspace comes back.

  tracer top                       processes: CPU, files, network, errors
  tracer top -pc                   containers
  tracer top -v connections        begin with another view; top -l lists them
  tracer top proc.name=nginx       only events that match a filter
  tracer top -r trace.scap         the same for a capture file
  tracer top --plain -v syscalls   as text, for a pipe or a dumb terminal
  tracer top -j -v files           as JSON, one line per refresh

F2 chooses a view, F4 edits the filter, F5 shows data, F6 events, F8 actions,
? all keys. Most tables are counted in the kernel. --read-only offers nothing
that changes the machine.
";

/// `tracer help logs`; `tracer logs --help` lists the options.
const LOGS: &str = "\
Show what containers write to standard output and error, with the name of each
before its lines, in order of time. Logs are read where Docker, Podman,
containerd and CRI-O keep them, also those of containers that have stopped.

  tracer logs                        all lines of all containers
  tracer logs -f                     continue with new lines and new containers
  tracer logs -f -n 10 web 'api-*'   these containers, the last 10 lines of each
  tracer logs --since 42m web        what was written in the last 42 minutes
  tracer logs -l tier=front -j       by label, as JSON
  tracer logs --namespace prod -t    containers of pods, with times
  tracer logs --explain              where each log is, or why it cannot be read
  tracer logs -f --state /var/lib/logs.json
                                     continue where the last run ended

  tracer logs -f -- stream=stderr    only lines that match a filter
  tracer logs -f --join indent       stack traces as one message
  tracer logs -f --to loki+http://10.0.0.7
                                     send lines elsewhere; --help lists where

Lines from standard error have a ! instead of a |.
";

/// `tracer help journal`; `tracer journal --help` lists the options.
const JOURNAL: &str = "\
Show the journal of systemd: what services, the kernel and the system log wrote
on this machine. tracer reads its files itself, so that it also works in a
container (-v /:/host:ro). Options mean what they mean to journalctl.

  tracer journal -f                  the last 10 entries, and new ones
  tracer journal -u nginx -n 50      the last 50 of a unit
  tracer journal -u 'app-*' -p err   errors of several units
  tracer journal -b -1 -k            the kernel's messages of the last boot
  tracer journal --since 42m         what was written in the last 42 minutes
  tracer journal -j _COMM=sshd       as JSON, all fields exact
  tracer journal --list-boots        which boots there are
  tracer journal -F _SYSTEMD_UNIT    which units there are
  tracer journal -D /mnt/var/log/journal
                                     the journal of another disk
  tracer journal -f --state /var/lib/journal.json
                                     continue where the last run ended

Damaged files are shown as far as they can be read, with a warning.
";

/// `tracer help serve`; `tracer serve --help` lists the options.
const SERVE: &str = "\
Serve what containers use and do: metrics for Prometheus, the REST API of
cAdvisor, and a web page. Calls, bytes and errors are counted in the kernel;
memory, CPU time and limits are read from the kernel's files on request.

  tracer serve                            at http://127.0.0.1:9938/
  tracer serve --listen :9938 --web-config web.yml
                                          on all addresses, with TLS, passwords
  tracer serve --listen unix:/run/tracer.sock
  tracer serve container.name=web         only count one container
  curl -s localhost:9938/metrics          all metrics
  curl -s localhost:9938/api/v1           what else there is to ask for

SIGHUP reads the section [serve] of tracer.toml, passwords, token and labels
again. docs/serve.md lists the metrics and says how they differ from cAdvisor's.
";

/// `tracer help engine`; `tracer engine --help` lists the options.
const ENGINE: &str = "\
Ask all container engines of this machine at once: Docker, Podman, containerd
and others that speak CRI, LXD and Incus. Nothing is ever changed. What an
engine cannot answer is said in one line.

  tracer engine version            which engines answer, where, which version
  tracer engine info               what each of them has
  tracer engine containers -a      all containers; without -a those that run
  tracer engine images             images, with their sizes
  tracer engine stats podman       what the containers of one engine use
  tracer engine events -f          what happens, as it happens
  tracer engine events --since 2h  what happened in the last two hours
  tracer engine logs -f web        the same as tracer logs -f web
  tracer engine containers -j      as JSON, one line for each

--engine-socket TYPE=PATH asks the engine that listens there, and no other.
What containers do, engines do not know: see tracer top -pc.
";

/// `tracer info --help`.
const INFO: &str = "\
Describe a capture file: the machine, the time it covers, processes, containers
and the most frequent events. Nothing is replayed.

Usage: tracer info FILE        FILE may be - for standard input
";

/// `tracer chisel --help`.
const CHISEL: &str = "\
Write chisels: scripts that turn events into tables and reports. docs/chisels.md
is the guide.

  tracer chisel new NAME                 write NAME.rhai, a commented template
  tracer chisel check FILE…              find mistakes: fields, types, unused
  tracer chisel test FILE CAPTURE [ARG]  store its output for a capture; later,
                                         'test FILE' compares with it
  tracer -c ./NAME.rhai --watch          run it, and reload it when it changes
";

/// The one of that name.
pub(super) fn find(name: &str) -> Option<&'static Subcommand> {
    ALL.iter().find(|it| it.name == name)
}

/// What is wrong with the options of a subcommand, in our words.
pub(super) fn wrong_option(name: &str, error: &clap::Error) -> Failure {
    let failure = super::wrong_option(error);
    let hint = failure.hint.filter(|hint| hint != super::LISTS_OPTIONS);
    Failure { hint: hint.or_else(|| Some(format!("tracer {name} --help lists the options"))), ..failure }
}

/// The options of a subcommand in these words, after those of its section in the settings; the inner error is the help that was asked for.
///
/// # Errors
/// One of them is wrong.
pub(super) fn parse<A: Parser>(name: &str, words: &[String]) -> Result<Result<A, clap::Error>, Failure> {
    let defaults = config::section(name, &A::command(), &[&[String::new()], words].concat())?;
    match A::try_parse_from([name.to_owned()].into_iter().chain(defaults).chain(words.iter().cloned())) {
        Err(error) if error.use_stderr() => Err(wrong_option(name, &error)),
        parsed => Ok(parsed),
    }
}

/// The one that the words of the process ask for, and the words behind it.
pub(super) fn of_words(words: &[String]) -> Option<(&'static Subcommand, &[String])> {
    let program = std::env::args_os().next();
    let program = program.as_deref().and_then(|program| Path::new(program).file_name());
    if program.is_some_and(|program| program == "ctracer") {
        return Some((find(top::TOP)?, &words[1..]));
    }
    Some((find(words.get(1)?)?, &words[2..]))
}

impl Subcommand {
    /// Carries it out, if it is not for tracer itself.
    pub(super) fn run(&self, words: &[String], live: Live) -> Option<Result<ExitCode, End>> {
        let asks_help = words.first().is_some_and(|word| word == "-h" || word == "--help");
        if asks_help && !self.lists_options {
            return Some(message::print(self.help).map(|()| ExitCode::SUCCESS).map_err(End::from));
        }
        self.execute.map(|execute| execute(words, live))
    }
}

/// The options of tracer with all subcommands, as shells complete them.
pub(super) fn command() -> Command {
    let help = Command::new("help").about("explain a topic, a chisel or a field");
    let command = Args::command().subcommand(help);
    ALL.iter().fold(command, |command, it| command.subcommand((it.options)().name(it.name).about(it.summary)))
}
