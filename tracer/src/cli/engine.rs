//! `tracer engine`: what container engines say, asked for by a person.

mod events;
mod table;

use std::{io::Write as _, process::ExitCode};

use clap::{CommandFactory as _, Parser, ValueEnum};
use nix::unistd::Uid;
use serde_json::Value;

use super::{End, Failure, Live, logs, subcommands};
use crate::{
    format::{color::ColorChoice, escape::escaped, json, time},
    logs::when,
    message::note,
    output::{Out, error_of_write},
    state::container::{
        self,
        engine::{Answered, Question, Row, Told, ask},
    },
};

/// The word for it.
pub const ENGINE: &str = "engine";

/// Show what container engines say.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tracer engine",
    bin_name = "tracer engine",
    max_term_width = 100,
    disable_version_flag = true,
    args_override_self = true
)]
struct EngineArgs {
    /// What to show; the log of containers has the options of `tracer logs`
    #[arg(value_enum, value_name = "WHAT")]
    what: What,

    /// Only ask the engine with this name, as `tracer engine version` shows it
    #[arg(value_name = "ENGINE")]
    engine: Option<String>,

    /// Also show containers that do not run
    #[arg(short, long)]
    all: bool,

    /// Events: continue with new ones
    #[arg(short, long)]
    follow: bool,

    /// Events: only from this time on: how long ago, such as 42m, or a time, such as 14:03 or 2026-08-01T14:03:20
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = when::parse)]
    since: Option<u64>,

    /// Print JSON, one object per line
    #[arg(short = 'j', long)]
    json: bool,

    /// Ask this container engine, as TYPE=PATH. Can be repeated
    #[arg(long = "engine-socket", value_name = "SOCKET")]
    engine_sockets: Vec<container::EngineSocket>,
}

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// What each engine is and has
    Info,
    /// Which engines answer, where, and their versions
    Version,
    /// Images
    Images,
    /// Containers
    #[value(alias = "ps")]
    Containers,
    /// CPU time, memory and I/O of running containers
    Stats,
    /// What happened to containers and images
    Events,
    /// What containers write: the same as `tracer logs`
    Logs,
}

/// Its options.
pub(super) fn command() -> clap::Command {
    EngineArgs::command()
}

/// Carries out the words behind `engine`.
///
/// # Errors
/// They are wrong, no engine answers, or output cannot be written.
pub(super) fn execute(words: &[String], live: Live) -> Result<ExitCode, End> {
    if words.first().is_some_and(|word| word == logs::LOGS) {
        return logs::execute(&words[1..], live);
    }
    let args: EngineArgs = match subcommands::parse(ENGINE, words)? {
        Ok(args) => args,
        Err(help) => {
            help.print()?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    check(&args)?;
    time::load_zone();
    let options = container::Options { sockets: args.engine_sockets.clone(), ..container::Options::default() };
    let question = match args.what {
        What::Info => Question::Info,
        What::Version => Question::Version,
        What::Images => Question::Images,
        What::Containers => Question::Containers,
        What::Stats => Question::Stats,
        What::Events => return events::show(&args, &options),
        What::Logs => return Err(Failure::with_hint("logs comes first", "write: tracer engine logs …").into()),
    };
    let mut answers = ask(&options, question, args.engine.as_deref())?;
    if answers.is_empty() {
        return Err(nobody(args.engine.as_deref()));
    }
    if args.what == What::Containers && !args.all {
        let runs = |row: &Row| row.get("state").is_none_or(|state| state == "running");
        answers.iter_mut().filter_map(|it| it.told.as_mut().ok()).for_each(|told| told.rows.retain(runs));
    }
    answers.iter().for_each(say);
    if answers.iter().all(|answer| answer.told.is_err()) {
        return Ok(ExitCode::FAILURE);
    }
    // The longest first, as tables of this program are; an engine's own order is kept of others.
    let rows: Vec<Row> = answers.into_iter().flat_map(rows).collect();
    let out = Out::stdout(false, false, ColorChoice::Never);
    if args.json {
        rows.iter().try_for_each(|row| object(&out, row))?;
    } else if args.what == What::Info {
        table::lists(&rows).iter().try_for_each(|line| out.text_line(line))?;
    } else {
        table::table(table::columns(question), &rows, out.width()).print(&out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &EngineArgs) -> Result<(), Failure> {
    let wrong = |option: &str, what: &str| {
        let name = option.split(' ').next().unwrap_or(option);
        Err(Failure::with_hint(format!("{name} is only for {what}"), format!("write: tracer engine {what} {option}")))
    };
    match args.what {
        What::Events => {}
        _ if args.follow => return wrong("--follow", "events"),
        _ if args.since.is_some() => return wrong("--since TIME", "events"),
        _ => {}
    }
    if args.all && args.what != What::Containers { wrong("--all", "containers") } else { Ok(()) }
}

/// Says what an engine cannot answer.
fn say(answer: &Answered) {
    let name = escaped(answer.name.as_bytes());
    match &answer.told {
        Err(why) => note(&format!("{name} at {} does not answer: {}", answer.address, escaped(why.as_bytes()))),
        Ok(Told { lacks: Some(why), .. }) => note(&format!("note: {name}: {why}")),
        Ok(Told { is_cut: true, .. }) => note(&format!("warning: {name}: there is more than can be shown")),
        Ok(_) => {}
    }
}

/// The rows of an engine, with its name; its address where that tells most.
fn rows(answer: Answered) -> Vec<Row> {
    let Answered { name, address, told } = answer;
    let of = |row: Row| {
        let first = [("engine", &name), ("address", &address)].map(|(key, text)| (key.to_owned(), text.clone().into()));
        first.into_iter().chain(row).collect()
    };
    told.unwrap_or_default().rows.into_iter().map(of).collect()
}

/// No engine is there.
fn nobody(only: Option<&str>) -> End {
    let what = match only {
        Some(name) => format!("no container engine is called '{}'", escaped(name.as_bytes())),
        None => "no container engine is there".to_owned(),
    };
    let hint = match (only, Uid::effective().is_root()) {
        (Some(_), _) => "tracer engine version lists those that answer",
        (None, true) => {
            "tracer --doctor says where they were looked for; --engine-socket TYPE=PATH names another place"
        }
        (None, false) => "run it with sudo: only root may ask the engines of the machine",
    };
    End::Run(Failure::with_hint(what, hint).into())
}

/// Writes an object: what moves a cursor is no raw character in it either.
fn object(out: &Out, row: &Row) -> std::io::Result<()> {
    out.line(|line| {
        put(&Value::Object(row.clone()), line);
        true
    })?;
    Ok(())
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => json::text(text.as_bytes(), out),
        Value::Array(all) => {
            out.push(b'[');
            for (at, value) in all.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put(value, out);
            }
            out.push(b']');
        }
        Value::Object(all) => {
            out.push(b'{');
            for (at, (name, value)) in all.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                json::text(name.as_bytes(), out);
                out.push(b':');
                put(value, out);
            }
            out.push(b'}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Whether nobody reads on: that is no error.
fn is_closed(error: std::io::Error) -> std::io::Error {
    error_of_write(error, false)
}
