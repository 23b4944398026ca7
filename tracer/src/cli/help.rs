//! Help: `-h` on one screen, `--help` with all options, `tracer help TOPIC`.

use clap::CommandFactory as _;

use super::{
    Args, Failure, list,
    subcommands::{self, Subcommand},
};
use crate::{
    chisel::Library,
    fields::{CLASSES, nearest},
};

/// `-h`: what fits on one screen.
pub(super) const SHORT: &str = "\
tracer shows what processes and containers on this machine are doing, from their
system calls. It needs root, or the capabilities that tracer --doctor names.

  tracer [OPTIONS] [FILTER]            print each event that matches the filter
  tracer -c CHISEL [ARGUMENT] [FILTER] print a table or a report instead
  tracer top [FILTER]                  show tables on a full screen
  tracer run -- COMMAND [ARG…]         trace a command and all that it starts
  tracer info FILE                     describe a capture file

Examples:
  tracer -c topprocs_net                      which processes use the network?
  tracer -pc -c topcontainers_cpu             which containers use the CPU?
  tracer proc.name=nginx and evt.type=openat  which files does nginx open?
  tracer -p '%proc.name %fd.name' fd.port=443 who talks to port 443?
  tracer -w trace.scap -M 60                  record one minute; read it with -r

Often used:
  -c NAME  run a chisel; -cl lists them       -r FILE  read a capture file
  -p FMT   format of lines; -pc: containers   -w FILE  write a capture file
  -n N     stop after N events                -M SECS  stop after SECS seconds
  -j       JSON                               -l  list the fields for filters

tracer --help lists all options, tracer help explains filters, formats and more.
";

/// A topic of `tracer help`: name, summary, text.
type Topic = (&'static str, &'static str, &'static str);

const TOPICS: [Topic; 7] = [
    (
        "filters",
        "select events: proc.name=nginx and fd.port=443",
        "\
A filter is made of tests joined with 'and', 'or' and 'not', with parentheses:

  tracer proc.name=nginx and evt.type in (open, openat)
  tracer 'container.name=web and not fd.port in (80, 443)'

A test is FIELD OPERATOR VALUE. Quote the filter if it has < > ( ) or *, because
these are special to the shell. Operators: = != < <= > >= in contains icontains
startswith endswith glob regex exists, and more in docs/filters.md.

Common fields:
  proc.name  proc.pid  proc.cmdline  user.name    who
  evt.type  evt.failed  evt.latency  evt.buflen   what
  fd.name  fd.type  fd.port  fd.ip                on which file or connection
  container.name  container.image  k8s.pod.name   where

tracer -l lists all fields, tracer help FIELD describes one, tracer -L lists
events.
If an event does not have a field, every test of the field is false.
",
    ),
    (
        "formats",
        "select what a line shows: -p '%evt.time %proc.name %fd.name'",
        "\
-p FORMAT prints text and the values of %FIELD:

  tracer -p '%evt.time %proc.name: %evt.type %fd.name' evt.is_io=true

%20proc.name pads or cuts to 20 columns. Events that lack one of the fields are
left out, unless the format begins with *. Ready-made formats: -pp (the
default), -pc (with containers), -pk (with pods), -pu (with systemd units). -j
prints the fields of the format as JSON.
",
    ),
    (
        "chisels",
        "tables and reports: -c topprocs_cpu",
        "\
A chisel turns events into a table or a report:

  tracer -c topprocs_net                  refreshed every second, until Ctrl-C
  tracer -c topprocs_net user             one row per user
  tracer -c fileslower 10                 file calls that take at least 10 ms
  tracer -c topprocs_cpu -c topprocs_net  several at once
  tracer -r trace.scap -c topfiles_bytes  one table for a whole capture

--rows N, --interval TIME and --sort COLUMN work for every table. -pc shows
containers, -j prints JSON. A filter after the chisel selects the events that
count. tracer -cl lists the chisels, tracer -i NAME describes one.
",
    ),
    (
        "captures",
        "record now, look later: -w FILE, -r FILE",
        "\
  tracer -w trace.scap -M 60              record one minute
  tracer -w trace.scap proc.name=nginx    only what matches
  tracer -w t.scap -G 60 -W 10            a new file every minute, keep ten
  tracer -r trace.scap -c topprocs_file   any filter, format or chisel works
  tracer info trace.scap                  what is in it

sysdig, Falco and Stratoshark read the files, and tracer reads theirs.
-z compresses, --redact leaves secrets out.
",
    ),
    (
        "containers",
        "names of containers and pods",
        "\
tracer identifies containers by their cgroups. Names, images and labels come
from the socket of the engine (Docker, podman).

  tracer -pc                                   lines with containers
  tracer -c topcontainers_net                  tables by container
  tracer container.name=web                    events in one container
  tracer container.id!=host                    events in any container
  tracer -c topprocs_cpu pod                   by Kubernetes pod

If names are missing, tracer --doctor says whether the engine answers.
",
    ),
    (
        "privileges",
        "what tracer needs, and what it may do",
        "\
Tracing needs root, or CAP_BPF, CAP_PERFMON and a few more: tracer --doctor
checks the kernel and your permissions, and suggests fixes. Reading captures
needs no privileges. --drop-to USER switches to another user once tracing has
started. docs/trust.md has the details.
",
    ),
    (
        "exit",
        "exit status, files and variables",
        "\
Exit status:
  0       success, also when stopped by Ctrl-C, -n, -M or a closed pipe
  1       failed while running
  2       usage error: options, filter, format or chisel
  3       events were lost, with --fail-on-drop
  128+N   ended by signal N

Files:
  ~/.config/tracer/tracer.toml   defaults by long option: color = 'never'
  ~/.config/tracer/chisels       your own chisels

Variables:
  NO_COLOR   no colours             TERM=dumb  plain tables, one after another
  COLUMNS    width of tables that do not go to a terminal
  HOST_ROOT  where the host's file system is, in a container
",
    ),
];

/// What `tracer help WORDS` prints.
///
/// # Errors
/// There is no such topic.
pub(super) fn topic(words: &[String], library: &Library, width: usize) -> Result<String, Failure> {
    let Some(word) = words.first().map(String::as_str) else {
        let mut out = "Topics:\n".to_owned();
        TOPICS.iter().for_each(|(name, summary, _)| out.push_str(&format!("  {name:<12} {summary}\n")));
        out.push_str("\ntracer help TOPIC explains a topic; TOPIC may also be a chisel or a field.\n");
        out.push_str("tracer -h is a summary on one screen, tracer --help lists all options.\n");
        return Ok(out);
    };
    if let Some(subcommand) = subcommands::find(word) {
        return Ok(subcommand.help.to_owned());
    }
    match word {
        "options" => return Ok(long()),
        "fields" => return list::fields(width, false, &[]),
        "events" => return list::events(width, &[]),
        _ => {}
    }
    // In the singular, too.
    if let Some((.., text)) = TOPICS.iter().find(|(name, ..)| *name == word || name.strip_suffix('s') == Some(word)) {
        return Ok((*text).to_owned());
    }
    if let Ok(source) = library.find(word) {
        return list::chisel(&source, width);
    }
    if let Some(text) = list::field(word, width) {
        return Ok(text);
    }
    let names = || TOPICS.iter().map(|(name, ..)| *name);
    let chisels = library.list();
    let fields = CLASSES.iter().flat_map(|class| class.fields().map(|field| field.name));
    let all = names().chain(chisels.keys().map(String::as_str)).chain(fields);
    let hint = match nearest(word, all) {
        Some(name) => format!("did you mean '{name}'?"),
        None => format!("topics are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::with_hint(format!("help: there is no topic '{word}'"), hint))
}

/// `--help`.
pub(super) fn long() -> String {
    Args::command().render_long_help().to_string()
}

/// Text for the manual page: its sections after the options.
pub(super) fn sections() -> Vec<(&'static str, String)> {
    let examples = SHORT.split("Examples:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let line = |it: &Subcommand| format!("  tracer {:<8} {}\n", it.name, it.summary);
    let mut commands: String = subcommands::ALL.iter().map(line).collect();
    commands.push_str("  tracer help     explain a topic, a chisel or a field\n");
    let last = TOPICS.iter().find(|(name, ..)| *name == "exit").map(|(.., text)| *text).unwrap_or_default();
    let part = |name: &str| {
        let rest = last.split(&format!("{name}:\n")).nth(1).unwrap_or_default();
        rest.split("\n\n").next().unwrap_or_default().to_owned()
    };
    vec![
        ("SUBCOMMANDS", commands),
        ("EXAMPLES", examples.to_owned()),
        ("TRACER RUN", subcommands::find("run").map(|it| it.help.to_owned()).unwrap_or_default()),
        ("EXIT STATUS", part("Exit status")),
        ("FILES", part("Files")),
        ("ENVIRONMENT", part("Variables")),
        ("SEE ALSO", "strace(1), perf(1), bpftrace(8), tcpdump(8)".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::width::width;

    /// Terminals that nobody has made wider have 80 columns.
    #[test]
    fn texts_fit_a_terminal() {
        let subcommands = subcommands::ALL.iter().map(|it| (it.name, it.help));
        let topics = TOPICS.iter().map(|(name, _, text)| (*name, *text));
        for (name, text) in topics.chain(subcommands).chain([("-h", SHORT)]) {
            let long: Vec<&str> = text.lines().filter(|line| width(line) > 80).collect();
            assert!(long.is_empty(), "{name}: {long:#?}");
        }
    }

    #[test]
    fn the_short_help_fits_on_one_screen() {
        assert!(SHORT.lines().count() <= 24 + 1, "{}", SHORT.lines().count());
        assert!(SHORT.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(SHORT.lines().filter(|line| line.starts_with("  tracer ") && line.contains('?')).count(), 4);
    }

    #[test]
    fn topics_are_found_by_name_by_chisel_and_by_field() {
        let library = Library::builtin();
        let of = |word: &str| topic(&[word.to_owned()], &library, 80).map_err(|failure| failure.hint.unwrap());
        assert!(of("filters").unwrap().contains("fd.port") && of("filter").is_ok());
        assert!(of("topscalls").unwrap().contains("topscalls"));
        assert!(of("proc.name").unwrap().contains("proc.name"));
        assert_eq!(of("filtres").unwrap_err(), "did you mean 'filters'?");
        assert!(topic(&[], &library, 80).unwrap().contains("captures"));
    }

    #[test]
    fn the_manual_has_all_its_sections() {
        assert!(sections().iter().all(|(_, text)| text.len() > 20), "{:?}", sections());
    }
}
