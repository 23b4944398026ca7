//! `tracer run -- COMMAND`, and tracing of processes that run already: the options, and from words to a command that waits for its start.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::sys::resource::{Resource, getrlimit};
use rustix::stdio::dup2_stdout;

use super::{Args, End, Failure, LOST, args::whole, chisel_args, end, is_closed};
use crate::{
    chisel::Library,
    files::{self, Refused},
    launch::{self, Account, Launch, Launched, NotRun},
    message::{self, Shown as _},
    state::Users,
    stats::Stats,
};

/// The word for it.
pub const RUN: &str = "run";

/// What is said with the hint of wrong use.
const USAGE: &str = "tracer run -- ls -l";

/// Whom to follow, and how it is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Following {
    /// Trace only these processes and all processes that they start. Separate several numbers by commas
    #[arg(long = "pid", value_name = "PID", value_delimiter = ',', allow_negative_numbers = true, value_parser = |text: &str| whole(text, 1, u32::MAX),
        conflicts_with = "read", help_heading = "Commands")]
    pub pids: Vec<u32>,

    /// With tracer run: run the command as this user, a name or a number
    #[arg(short = 'u', long, value_name = "USER", conflicts_with = "read", help_heading = "Commands")]
    pub user: Option<String>,

    /// Print each call as strace -f -ttt -T -o does
    #[arg(long, conflicts_with_all = ["json", "print", "trace_json"], help_heading = "Commands")]
    pub strace: bool,

    /// Print calls in Chrome's JSON trace format, which Perfetto (ui.perfetto.dev) shows as a timeline
    #[arg(long, conflicts_with_all = ["json", "print"], help_heading = "Commands")]
    pub trace_json: bool,

    /// Write the output to this file. Without this option, tracer run writes to standard error
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Commands")]
    pub output: Option<PathBuf>,

    /// The command that is to be run.
    #[arg(skip)]
    pub command: Option<Vec<OsString>>,
}

impl Following {
    /// Whether only some processes are traced.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.command.is_some() || !self.pids.is_empty()
    }
}

/// The words of tracer, and the place among all words where the command begins, if `words` are those of `tracer run`.
///
/// # Errors
/// A chisel among them does not exist, or is wrong.
pub fn split(mut words: Vec<String>) -> Result<(Vec<String>, Option<usize>), Failure> {
    if words.get(1).is_none_or(|word| word != RUN) {
        return Ok((words, None));
    }
    let at = match words.iter().position(|word| word == "--") {
        Some(at) => at,
        None => {
            let library = Library::new(&super::args::chisel_dirs(&words));
            // `run` itself is the first word that is no option.
            2 + chisel_args::options_end(&words[2..], &library)?
        }
    };
    let command = if words.get(at).is_some_and(|word| word == "--") { at + 1 } else { at };
    words.truncate(at);
    words.remove(1);
    Ok((words, Some(command)))
}

/// Completes the options with the words of the command, which begins at that place of all words.
///
/// # Errors
/// The options do not go together.
pub fn complete(args: &mut Args, command: Option<usize>) -> Result<(), Failure> {
    let words: Vec<OsString> = command.map(|at| env::args_os().skip(at).collect()).unwrap_or_default();
    let follow = &mut args.following;
    if command.is_some() {
        if !args.read.is_empty() {
            return Err(Failure::with_hint("run traces a command, -r reads a capture", "leave out run"));
        }
        if words.is_empty() && follow.pids.is_empty() {
            return Err(Failure::with_hint("run needs a command", USAGE));
        }
        if !words.is_empty() && !follow.pids.is_empty() {
            return Err(Failure::with_hint(
                "run and --pid cannot be combined",
                "either run a command or give process \
                numbers with --pid",
            ));
        }
    }
    follow.command = Some(words).filter(|words| !words.is_empty());
    if follow.user.is_some() && follow.command.is_none() {
        let hint = "tracer run -u USER -- COMMAND; to filter by user: user.name=USER";
        return Err(Failure::with_hint("-u needs a command to run", hint));
    }
    if follow.command.is_some() && follow.trace_json && follow.output.is_none() {
        return Err(Failure::with_hint(
            "--trace-json would be mixed with the output of the command",
            "give it a file: tracer run --trace-json -o trace.json -- COMMAND",
        ));
    }
    Ok(())
}

/// Starts the command, which waits then. `stack` is the limit that this process was started with.
///
/// # Errors
/// There is no such program or user, or it may not be used. The code is what to end with.
pub fn launch(following: &Following, stack: Option<(u64, u64)>) -> Result<Option<Launched>, Result<NotRun, End>> {
    let Some(words) = &following.command else { return Ok(None) };
    let program = words.first().map(|word| launch::find(word)).transpose().map_err(Ok)?.unwrap_or_default();
    let account = following.user.as_deref().map(account).transpose().map_err(|failure| Err(failure.into()))?;
    let launch = Launch { program, words: words.clone(), account, stack };
    let launched =
        Launched::fork(&launch).map_err(|error| Err(anyhow::Error::from(error).context("cannot fork").into()))?;
    Ok(Some(launched))
}

/// The limit of the stack of this process.
#[must_use]
pub fn stack_limit() -> Option<(u64, u64)> {
    getrlimit(Resource::RLIMIT_STACK).ok()
}

/// The user of `-u` with all groups.
fn account(name: &str) -> Result<Account, Failure> {
    let users = Users::read(Path::new("/"));
    let Some((uid, gid)) = users.find(name) else {
        return Err(Failure::with_hint(
            format!("there is no user '{name}'"),
            "-u takes a name from /etc/passwd, or a number",
        ));
    };
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    let name = users.user(uid).map_or(name, |user| &user.name);
    let mut groups: Vec<u32> = group.lines().filter_map(|line| member_of(line, name)).collect();
    groups.push(gid);
    groups.sort_unstable();
    groups.dedup();
    Ok(Account { uid, gid, groups })
}

/// The number of the group of a line of group(5), if the user is a member.
fn member_of(line: &str, user: &str) -> Option<u32> {
    let mut fields = line.split(':').skip(2);
    let (gid, members) = (fields.next()?, fields.next()?);
    members.split(',').any(|member| member == user).then(|| gid.parse().ok())?
}

/// Sends what is printed where it belongs: into the file of `-o`, or beside the output of the command.
///
/// # Errors
/// The file cannot be made.
pub fn redirect(following: &Following, force: bool) -> Result<(), End> {
    if let Some(path) = &following.output {
        let file = files::create(path, force).and_then(|file| {
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            Ok(file)
        });
        let file = file.map_err(|error| {
            let hint = Refused::hint(&error).map(str::to_owned);
            Failure { message: format!("cannot write '{}': {error}", path.shown()), hint }
        })?;
        dup2_stdout(file).map_err(io::Error::from)?;
    } else if following.command.is_some() {
        dup2_stdout(io::stderr()).map_err(io::Error::from)?;
    }
    Ok(())
}

/// The end of a command whose tracing ended so: it is waited for, and says what to end with.
pub fn ended(launched: Launched, traced: anyhow::Result<Stats>, fail_on_drop: bool) -> ExitCode {
    match traced {
        Ok(stats) => {
            let code = launched.end();
            if fail_on_drop && stats.is_lossy() { ExitCode::from(LOST) } else { code }
        }
        // Whoever read the output has seen enough.
        Err(error) if is_closed(&error) => launched.end(),
        Err(error) => {
            let not_run = error.downcast_ref::<NotRun>().map(NotRun::code);
            let code = end(&error);
            if !launched.has_begun() || not_run.is_some() {
                let _ = launched.end();
                return not_run.map_or(code, ExitCode::from);
            }
            if io::stderr().is_terminal() {
                message::note("the command continues without being traced");
            }
            let _ = launched.end();
            code
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (String, Option<usize>) {
        let words = std::iter::once("tracer").chain(text.split(' ')).map(str::to_owned).collect();
        let (words, at) = split(words).unwrap();
        (words[1..].join(" "), at)
    }

    #[test]
    fn the_command_begins_after_two_hyphens_or_after_the_options() {
        assert_eq!(of("run -- ls -l"), (String::new(), Some(3)));
        assert_eq!(of("run -n 5 evt.type=open -- ls -- x"), ("-n 5 evt.type=open".into(), Some(6)));
        assert_eq!(of("run ls -l"), (String::new(), Some(2)));
        assert_eq!(of("run -w x.scap -q ls -l"), ("-w x.scap -q".into(), Some(5)));
        assert_eq!(of("run -c spy_users 3 -j ls"), ("-c spy_users 3 -j".into(), Some(6)));
        assert_eq!(of("run --pid 7"), ("--pid 7".into(), Some(4)));
        assert_eq!(of("-n 5 run"), ("-n 5 run".into(), None));
    }

    #[test]
    fn members_of_groups_are_found() {
        assert_eq!(member_of("docker:x:998:me,you", "you"), Some(998));
        assert_eq!(member_of("docker:x:998:", "you"), None);
        assert_eq!(member_of("docker:x:998:young", "you"), None);
    }
}
