//! Pages of the documentation, in Markdown: `--generate PAGE`. The files in `docs/` are made by it.

use std::{
    collections::BTreeMap,
    fmt::Write,
    io::{self, Write as _},
};

use clap::{Arg, CommandFactory};
use clap_complete::Shell;
use tracer_common::{
    events as table,
    flags::{FlagSet, SetKind},
};

use super::{Args, Failure, help, list, serve, subcommands};
use crate::{
    chisel::{Chisel, Library},
    fields::{CLASSES, GONE, nearest},
    view,
};

type Page = fn(&mut String) -> Result<(), Failure>;

/// The pages by name.
const PAGES: [(&str, Page); 7] = [
    ("events", events),
    ("fields", fields),
    ("options", options),
    ("chisels", chisels),
    ("views", views),
    ("metrics", metrics),
    ("log-targets", log_targets),
];

/// The page of that name.
///
/// # Errors
/// There is no such page.
pub fn page(name: &str) -> Result<String, Failure> {
    if let Some(text) = for_shells(name)? {
        return Ok(text);
    }
    let Some((_, write)) = PAGES.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = PAGES.iter().map(|(name, _)| *name).chain(FOR_SHELLS).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(name) => format!("did you mean '{name}'?"),
            None => format!("pages are {}", names.join(", ")),
        };
        return Err(Failure::with_hint(format!("there is no page '{name}'"), hint));
    };
    let mut out = format!("<!-- Made by `tracer --generate {name}`. -->\n\n");
    write(&mut out)?;
    Ok(out)
}

/// The views of `tracer top`: what they show, and their columns.
fn views(out: &mut String) -> Result<(), Failure> {
    out.push_str("# Views of `tracer top`\n\n[views.md](views.md) explains how to write one.\n");
    for (id, view) in view::Library::builtin().all() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n## {} (`{id}`)\n\n{}.\n", view.name, view.summary);
        if let Some(filter) = &view.filter {
            let _ = writeln!(out, "Counts events that match `{filter}`.\n");
        }
        let _ = writeln!(out, "| column | field | what it says |\n| --- | --- | --- |");
        for column in &view.columns {
            let field = column.field.as_deref().map_or("events".to_owned(), |field| format!("`{field}`"));
            let op = column.op.as_deref().map(|op| format!(", {op}")).unwrap_or_default();
            let _ = writeln!(out, "| {} | {field}{op} | {} |", column.title, column.about);
        }
        if let Some(next) = &view.next {
            let _ = writeln!(out, "\nEnter opens `{next}` for the row.");
        }
    }
    Ok(())
}

/// Metrics and paths of `tracer serve`, and what options of cAdvisor become.
fn metrics(out: &mut String) -> Result<(), Failure> {
    crate::serve::describe(out);
    serve::describe(out);
    Ok(())
}

/// Where `tracer logs --to` sends lines.
fn log_targets(out: &mut String) -> Result<(), Failure> {
    crate::logs::ship::describe(out);
    Ok(())
}

/// What packages install beside the program.
const FOR_SHELLS: [&str; 4] = ["man", "complete-bash", "complete-zsh", "complete-fish"];

/// A page of [`FOR_SHELLS`]; `None` for another name.
fn for_shells(name: &str) -> Result<Option<String>, Failure> {
    let mut out = Vec::new();
    let shell = match name {
        "man" => {
            manual(Args::command(), &mut out).map_err(|error| Failure::new(error.to_string()))?;
            return Ok(Some(String::from_utf8_lossy(&out).into_owned()));
        }
        "complete-bash" => Shell::Bash,
        "complete-zsh" => Shell::Zsh,
        "complete-fish" => Shell::Fish,
        _ => return Ok(None),
    };
    clap_complete::generate(shell, &mut subcommands::command(), "tracer", &mut out);
    Ok(Some(with_names(shell, String::from_utf8_lossy(&out).into_owned())))
}

/// The manual page: what clap makes of the options, and sections for people.
fn manual(command: clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command);
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    for (title, text) in help::sections() {
        writeln!(out, ".SH \"{title}\"")?;
        // Lines that begin with blanks are as they are.
        let is_verbatim = text.lines().any(|line| line.starts_with("  "));
        out.write_all(if is_verbatim { b".nf\n" } else { b"" })?;
        for line in text.lines() {
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            writeln!(out, "{guard}{line}")?;
        }
        out.write_all(if is_verbatim { b".fi\n" } else { b"" })?;
    }
    Ok(())
}

/// What bash has to complete beside options: names of chisels, fields and containers.
const BASH_NAMES: &str = r#"
_tracer_names() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    case "$prev" in
        -c|--chisel|-i|--chisel-info|help)
            COMPREPLY=($(compgen -W "$(tracer --complete chisels 2>/dev/null)" -- "$cur"))
            return ;;
    esac
    # "=" ends a word of bash.
    if [[ "$cur" == "=" && "$prev" == container.name ]]; then
        COMPREPLY=($(tracer --complete containers 2>/dev/null))
    elif [[ "$prev" == "=" && "${COMP_WORDS[COMP_CWORD-2]}" == container.name ]]; then
        COMPREPLY=($(compgen -W "$(tracer --complete containers 2>/dev/null)" -- "$cur"))
    elif [[ "$cur" != -* && "$cur" == *.* ]]; then
        compopt -o nospace 2>/dev/null
        COMPREPLY=($(compgen -W "$(tracer --complete fields 2>/dev/null)" -- "$cur"))
    else
        _tracer "$@"
    fi
}
complete -F _tracer_names -o bashdefault -o default tracer
"#;

/// The same for zsh, as functions that the options name.
const ZSH_NAMES: &str = r#"
_tracer_chisels() { compadd -- ${(f)"$(tracer --complete chisels 2>/dev/null)"} }
_tracer_first() { _tracer_commands; _tracer_filter }
_tracer_filter() {
    if compset -P 'container.name='; then
        compadd -- ${(f)"$(tracer --complete containers 2>/dev/null)"}
    else
        compadd -S '' -- ${(f)"$(tracer --complete fields 2>/dev/null)"}
    fi
}
"#;

/// The same for fish.
const FISH_NAMES: &str = r#"
complete -c tracer -s c -l chisel -x -a '(tracer --complete chisels 2>/dev/null)'
complete -c tracer -s i -l chisel-info -x -a '(tracer --complete chisels 2>/dev/null)'
complete -c tracer -n 'string match -q "container.name=*" -- (commandline -ct)' -f -a 'container.name=(tracer --complete containers 2>/dev/null)'
complete -c tracer -n 'not string match -q -- "-*" (commandline -ct)' -f -a '(tracer --complete fields 2>/dev/null)'
"#;

/// A script of clap's with what it does not know of.
fn with_names(shell: Shell, script: String) -> String {
    match shell {
        Shell::Bash => script + BASH_NAMES,
        Shell::Fish => script + FISH_NAMES,
        Shell::Zsh => {
            let script = script.replace(":NAME:_default'", ":NAME:_tracer_chisels'");
            let script = script.lines().map(|line| {
                let is_filter = line.contains("::filter") && line.contains(":_default'");
                if is_filter { line.replace(":_default'", ":_tracer_filter'") } else { line.to_owned() }
            });
            let mut lines: Vec<String> = script.collect();
            // The first word is a subcommand or begins a filter: as two places, a subcommand would come after a filter.
            if let Some(at) = lines.iter().position(|line| line.contains("\":: :_tracer_commands\"")) {
                lines[at] = lines[at].replace("_tracer_commands", "_tracer_first");
                if at > 0 && lines[at - 1].contains("::filter") {
                    lines.remove(at - 1);
                }
                lines.iter_mut().for_each(|line| *line = line.replace("$line[2]", "$line[1]"));
            }
            let script = lines.join("\n");
            // The functions come before the script completes for the first time.
            script.replacen("autoload -U is-at-least", &format!("{ZSH_NAMES}\nautoload -U is-at-least"), 1) + "\n"
        }
        _ => script,
    }
}

/// Text that stays in its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// The beginning of the page of events.
const EVENTS: &str = "\
# Events

Events are recorded at the end of their call, with all parameters. A system call that is not listed is an event with the
name of the call and no parameters. The same is true for calls of 32-bit programs whose structs have no row here.
The event type is the number in a capture file.

The column `from` says where a value comes from, and so how far to trust it:

- call: a register, as passed by the caller or returned by the kernel.
- kernel: a kernel object, at the time of the event.
- memory: the memory of the caller, read at the end of the call. Another thread may have changed it after the kernel
  read it. For calls that open files and connect sockets, `--entry-args` shows the value at the start of the call,
  unless the page was not in memory yet.
- hook: an argument of a tracepoint.
";

/// The beginning of the part about events that a live capture does not make.
const ONLY_IN_CAPTURES: &str = "
## Only in captures

Capture files of other tools may contain these: entry events, older versions of events, and records of the tool itself.
A live capture never has them.

| code | name | direction | parameters |
|---|---|---|---|
";

/// The beginning of the page of fields.
const FIELDS: &str = "\
# Fields

Use fields in filters (`tracer proc.name=nginx`), formats (`-p '%proc.name'`) and chisels. If an event does not have a
field, the field is missing: every test of it is false, whatever the operator, and a format shows `<NA>`.

The argument of a field follows its name in brackets; a name may also follow a dot: `proc.env[HOME]`,
`thread.cgroup.cpu`. Ancestor fields take a number (`proc.aname[1]` is the parent). Without a number, a filter tests all
ancestors, and a format shows all of them, the parent first. Times are in nanoseconds.
";

/// Writing to a string cannot fail, so results of `write!` are dropped in this file.
fn events(out: &mut String) -> Result<(), Failure> {
    out.push_str(EVENTS);
    for (family, rows) in list::visible() {
        let _ = write!(out, "\n## {family}\n");
        for row in rows {
            let mut lines = row.doc.lines().map(str::trim).flat_map(|line| line.split(" Source: "));
            let doc = lines.next().unwrap_or_default();
            let at = if row.is_enter() { ", when it begins" } else { "" };
            let _ = write!(out, "\n### {}{at}\n\n{doc}\nEvent type {}.\n", row.name, row.code);
            if !row.params.is_empty() {
                out.push_str("\n| parameter | type | from | meaning |\n|---|---|---|---|\n");
            }
            for param in row.params {
                let (kind, from) = (param.kind.name(), param.source.origin());
                let _ = writeln!(out, "| {} | {kind} | {from} | {} |", param.name, cell(param.doc));
            }
        }
    }
    flags(out);
    out.push_str(ONLY_IN_CAPTURES);
    let mut rows: Vec<_> = table::old().collect();
    rows.sort_by_key(|row| row.code);
    for row in rows {
        let params: Vec<_> = row.params.iter().map(|param| format!("{} {}", param.name, param.kind.name())).collect();
        let direction = if row.code % 2 == 0 { "enter" } else { "exit" };
        let _ = writeln!(out, "| {} | {} | {direction} | {} |", row.code, row.name, params.join(", "));
    }
    Ok(())
}

/// The beginning of the part about flags.
const FLAGS: &str = "
## Flags

In captures, flags have bits of their own, which are the same on every architecture. `evt.rawarg` shows these bits, also
live. Bits and values that have no name in the table of the format are left out:

| flags | names | left out, of the kernel's bits or values |
|---|---|---|
";

/// What of each set of flags has no place in the form of captures.
fn flags(out: &mut String) {
    out.push_str(FLAGS);
    let params = table::all().flat_map(|row| row.params);
    let sets: BTreeMap<&str, &FlagSet> =
        params.filter_map(|param| param.kind.flag_set()).map(|set| (set.name, set)).collect();
    for set in sets.values() {
        let left_out = match (set.kind, set.unknown) {
            (SetKind::Bits, _) => {
                let known = set.flags.iter().fold(0, |known, flag| known | flag.mask);
                if known == u32::MAX { "none".to_owned() } else { format!("{:#x}", !known) }
            }
            (SetKind::Values, Some(unknown)) => format!("values without a name become {unknown}"),
            (SetKind::Values, None) => "none".to_owned(),
        };
        let _ = writeln!(out, "| {} | {} | {left_out} |", set.name, set.flags.len());
    }
}

fn fields(out: &mut String) -> Result<(), Failure> {
    out.push_str(FIELDS);
    for class in CLASSES {
        let _ = write!(out, "\n## {}\n\nAbout {}.\n\n", class.name, class.about);
        out.push_str("| field | type | meaning |\n|---|---|---|\n");
        for field in class.fields() {
            let _ = writeln!(out, "| {} | {} | {} |", list::usage(field), list::kind(field), cell(field.doc));
        }
    }
    out.push_str("\n## Removed\n\nOther tools once had these classes.\n\n| class | reason |\n|---|---|\n");
    for (class, why) in GONE {
        let _ = writeln!(out, "| {class} | {} |", cell(why));
    }
    Ok(())
}

fn option(arg: &Arg) -> String {
    let names = arg.get_short().map(|letter| format!("-{letter}")).into_iter();
    let names: Vec<String> = names.chain(arg.get_long().map(|name| format!("--{name}"))).collect();
    let value = match arg.get_value_names().filter(|_| arg.get_action().takes_values()) {
        Some([name, ..]) => format!(" {name}"),
        _ => String::new(),
    };
    if names.is_empty() { value.trim().to_owned() } else { format!("{}{value}", names.join(", ")) }
}

fn options(out: &mut String) -> Result<(), Failure> {
    let mut command = Args::command();
    command.build();
    out.push_str("# Options\n\n`tracer [OPTIONS] [FILTER]`\n\n");
    out.push_str("All words that are not options form the filter.\n\n`tracer run [OPTIONS] [FILTER] -- COMMAND`\n\n");
    out.push_str("Runs a command and traces only it and its children ([commands.md](commands.md)).\n\n");
    out.push_str("`tracer info FILE`\n\n");
    out.push_str("Describes a capture file: host, time, processes, containers, events. `-` means standard input.\n");
    // Those that are for developers are hidden from users who ask for help, and listed here.
    let shown: Vec<&Arg> =
        command.get_arguments().filter(|arg| !arg.is_hide_set() || arg.get_help_heading().is_some()).collect();
    let mut headings: Vec<&str> = Vec::new();
    for heading in shown.iter().filter_map(|arg| arg.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = write!(out, "\n## {heading}\n\n| option | meaning |\n|---|---|\n");
        for arg in shown.iter().filter(|arg| arg.get_help_heading() == Some(heading)) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(out, "| `{}` | {} |", option(arg).replace('|', "\\|"), cell(&help));
        }
    }
    out.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    out.push_str("| 0 | success, also if the output pipe was closed |\n");
    out.push_str("| 1 | failed while running |\n| 2 | wrong use |\n");
    out.push_str("| 3 | events were lost, and `--fail-on-drop` was given |\n");
    out.push_str("| any | after `tracer run`: the exit code of the command, 128 + n if signal n ended it, 127 if there is no such program, 126 if it cannot be run |\n");
    out.push_str("| 128 + n | ended by signal n, except Ctrl-C; everything up to then is shown and written |\n");
    Ok(())
}

fn chisels(out: &mut String) -> Result<(), Failure> {
    out.push_str("# The chisels\n");
    for (name, source) in Library::builtin().list() {
        let meta = Chisel::describe(&source)?;
        let _ = write!(out, "\n## {name}\n\n{} Category: {}.\n\n", meta.about(), meta.category);
        let _ = writeln!(out, "    tracer -c {}", meta.synopsis(&name));
        if !meta.args.is_empty() {
            out.push_str("\n| argument | type | meaning |\n|---|---|---|\n");
        }
        for arg in &meta.args {
            let optional = if arg.optional { "; optional" } else { "" };
            let _ = writeln!(out, "| {} | {} | {}{optional} |", arg.name, arg.expects(), cell(&arg.description));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_can_be_made() {
        for (name, _) in PAGES {
            let text = page(name).unwrap();
            assert!(text.lines().count() > 20, "{name}");
            assert!(text.lines().all(|line| line == line.trim_end()), "{name}");
        }
        assert_eq!(page("field").unwrap_err().hint.as_deref(), Some("did you mean 'fields'?"));
    }
}
