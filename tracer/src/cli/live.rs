//! A plan carried out on the running kernel.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;

use super::{
    Failure, Plan,
    excerpt::{self, Again},
    missing,
    replay::confine,
    stop::Stop,
    waiting::Waiting,
};
use crate::{
    confine::{self, Paths, Tracing},
    doctor,
    fields::Needs,
    launch::{Account, Launched},
    message::{Report, note, object},
    pipeline::{Asked, INTERVAL, Limits, Pipeline},
    sample::Sampler,
    sink::Outputs,
    source::live::{self, Live, LiveError, Options, follow::Follow, groups, own::Own, plan::Wanted},
    state::{
        Containers, Host, Procfs, State, Users,
        container::{
            self, EngineSocket,
            engine::{Endpoint, endpoints},
        },
        host_root,
        procfs::{self, View},
    },
    stats::Stats,
};

/// An error of the source, its remedy in a line of its own.
fn failure(error: &LiveError) -> Failure {
    let text = error.to_string();
    match text.split_once("\nhint: ") {
        Some((message, hint)) => Failure::with_hint(message, hint),
        None => Failure::new(text),
    }
}

/// Traces as planned: a command that waits for it, if there is one.
///
/// # Errors
/// The kernel cannot be traced, output cannot be written, or a script failed.
pub fn run(mut plan: Plan, mut launched: Option<&mut Launched>) -> anyhow::Result<Stats> {
    let stop = match &plan.screen {
        Some(screen) => Stop::from(Arc::clone(&screen.stop)),
        None => Stop::at_signals(launched.as_deref())?,
    };
    let waiting = plan.screen.is_none().then(Waiting::begin);
    let (root, _) = host_root();
    let own = Own::learn().map_err(|error| failure(&error))?;
    let view = View::find(root, Some(own.tgid));
    let mut mode = plan.mode();
    mode.options.follow = follow(&plan, launched.as_deref(), &view)?;
    let mut outputs = plan.outputs;
    let asked = Asked::of(&mut outputs, &mode, groups::has_socket_hooks);
    if io::stderr().is_terminal() {
        demoted(&asked, &outputs).iter().for_each(|text| note(text));
    }
    let mut options = asked.options.clone();
    let loss = view.loss().filter(|_| asked.threads);
    // What cannot be looked up is said by records, as far as they can.
    options.who |= loss.is_some();
    let containers = plan.needs.has(Needs::CONTAINER);
    // The engine is asked before the first event, so that its containers have names by then.
    let engines = container::Options {
        metadata: containers,
        sockets: plan.engine_sockets,
        verbose: plan.verbose,
        host_root: root.clone(),
        view: view.clone(),
        drops: plan.drop_to.is_some(),
        ..container::Options::default()
    };
    let network = containers && endpoints(&engines).iter().any(Endpoint::is_in_network);
    let mut state = State {
        containers: Containers::start(&engines),
        host: Host::read(root),
        users: if plan.users { Users::read(root) } else { Users::default() },
        procfs: Procfs::of_view(&view, root).with_args_limit(plan.args_limit),
        brief: !asked.threads,
        nameless: !asked.threads && !asked.who,
        ..State::default()
    };
    if state.host.boot_ns != 0 {
        // What /proc says is seen from the time namespace of who reads it.
        state.host.boot_ns = state.host.boot_ns.wrapping_add_signed(own.boot_ahead_ns.wrapping_neg());
    }
    let source = asked.with_wanted(&outputs, |wanted| Live::start(&options, wanted));
    let mut source = source.map_err(|error| failure(&error))?;
    for missing in source.missing() {
        note(&format!("note: {missing}"));
    }
    if let Some((loss, remedy)) = loss {
        note(&format!("note: {loss}; {remedy}"));
    }
    // Attached first and scanned then: what happens in between waits in the rings.
    let scan = asked.threads.then(|| {
        let threads = outputs.written().is_some();
        let mut scan =
            state.procfs.scan(procfs::Wanted { descriptors: asked.descriptors, threads, whole: asked.whole });
        scan.first(&mut state, &stop).then_some(scan)
    });
    drop(waiting);
    if let Some(user) = &plan.drop_to {
        drop_to(user, &state.users)?;
    }
    let to_epoch_ns = live::to_epoch_ns();
    excerpt::check(&outputs.excerpts(), plan.force)?;
    outputs
        .open(live::monotonic_ns().wrapping_add(to_epoch_ns))
        .map_err(|error| missing::of_folder(error, plan.drop_to.as_deref()))?;
    let command = launched.as_deref().map(Launched::pid);
    let runs = plan.screen.as_ref().is_some_and(|screen| screen.runs);
    let serves = plan.screen.as_ref().is_some_and(|screen| screen.serves);
    let keep = Tracing { folders: outputs.folders(), network, changes: options.changes, command, runs, serves };
    let confined = confine::tracing(&keep);
    if plan.verbose {
        note(&format!("note: {confined}"));
    }
    let limits =
        Limits { max_time: plan.max_time, interval: plan.interval_ms.map(Duration::from_millis).or(Some(INTERVAL)) };
    let sampler = asked.sample.map(Sampler::random);
    if let Some(launched) = &mut launched {
        launched.begin()?;
    }
    // Whoever only writes a capture sees by its size that it grows.
    let hints = io::stderr().is_terminal() && outputs.written().is_none() && !plan.quiet;
    let mut pipeline =
        Pipeline::new(state, outputs, to_epoch_ns).sampled(sampler).scanning(scan.flatten()).hinting(hints);
    pipeline = pipeline.waited_for(plan.screen.is_some() && !serves);
    if let Some(commands) = plan.screen.as_mut().and_then(|screen| screen.commands.take()) {
        pipeline = pipeline.commanded(commands, asked);
    }
    let (stats, outputs) = pipeline.run_to(&mut source, limits, &stop)?;
    // The kernel side is not needed for it, and would fill its rings.
    drop(source);
    if !outputs.excerpts().is_empty() {
        confine(&Paths { read: plan.again.clone(), folders: outputs.folders(), terminal: false }, plan.verbose);
    }
    let again = Again { files: &plan.again, users: plan.users, force: plan.force };
    excerpt::write(&outputs.excerpts(), &again, &stop)?;
    if plan.screen.is_none() {
        say_stats(&stats, plan.verbose, plan.json);
    }
    Ok(stats)
}

/// Says which tables are made of events, although the kernel could count them, because something else that is asked for needs these.
fn demoted(asked: &Asked, outputs: &Outputs) -> Option<String> {
    let needs_events = outputs.name(asked.tables.needs_events?);
    let names: Vec<String> = asked.tables.demoted.iter().map(|sink| outputs.name(*sink)).collect();
    let verb = if names.len() > 1 { "are" } else { "is" };
    (!names.is_empty()).then(|| {
        format!(
            "{} {verb} not counted in the kernel, because {needs_events} needs each event: under load, events may be lost",
            names.join(", ")
        )
    })
}

/// Whom the kernel side follows, when it is not all that run.
fn follow(plan: &Plan, launched: Option<&Launched>, view: &View) -> Result<Option<Follow>, Failure> {
    if let Some(launched) = launched {
        if launched.number() == 0 {
            return Err(Failure::new("the kernel does not report the pid of the command in the initial pid namespace"));
        }
        return Ok(Some(Follow::Command { tid: launched.number(), pid: launched.pid() }));
    }
    if plan.pids.is_empty() {
        return Ok(None);
    }
    let Some(proc) = view.path() else {
        return Err(Failure::with_hint(
            "--pid needs a /proc that shows all processes of the machine",
            "in a container, add --pid=host or -v /proc:/host/proc:ro",
        ));
    };
    // Looked at before the kernel side is loaded, which takes a moment.
    if let Some(pid) = plan.pids.iter().find(|pid| !proc.join(pid.to_string()).exists()) {
        return Err(Failure::with_hint(format!("there is no process {pid}"), "ps -e lists them"));
    }
    Ok(Some(Follow::Processes { pids: plan.pids.clone(), proc: proc.to_owned() }))
}

/// Says what was counted; as JSON, too, for programs that read `-j`.
pub(super) fn say_stats(stats: &Stats, verbose: bool, json: bool) {
    note(&stats.to_string());
    if verbose {
        note(&stats.speed());
        stats.by_cpu().for_each(|line| note(&line));
    }
    if json {
        object(&stats.json());
    }
}

/// Goes on with the rights of that user only. All threads do; what is open stays open.
pub(super) fn drop_to(name: &str, users: &Users) -> anyhow::Result<()> {
    let Some((uid, gid)) = users.find(name) else {
        return Err(Failure::with_hint(
            format!("there is no user '{name}'"),
            "--drop-to takes a name from /etc/passwd, or a number",
        )
        .into());
    };
    let account = Account { uid, gid, groups: vec![gid] };
    account.take_on().with_context(|| format!("cannot switch to user '{name}'"))
}

/// Says what the kernel and the user allow, and whether these engines answer; those of the usual places if there are none.
///
/// # Errors
/// Output cannot be written.
pub fn doctor(sockets: Vec<EngineSocket>) -> anyhow::Result<ExitCode> {
    let options = container::Options { sockets, ..container::Options::default() };
    let good = doctor::run(&options, &mut Report::stdout())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Attaches a kernel side that wants nothing, until it is stopped: the floor that measurements are compared with.
///
/// # Errors
/// The kernel cannot be traced.
pub fn bench_empty(plan: Plan) -> anyhow::Result<()> {
    let stop = Stop::at_signals(None)?;
    let options = Options { snaplen: plan.snaplen, ..Options::default() };
    let wanted = Wanted::only(&|_, call| call == Some(doctor::UNUSED_CALL));
    let _source = Live::start(&options, &wanted).map_err(|error| failure(&error))?;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tracer_common::group::{Number, by};

    use super::*;
    use crate::{chisel::Library, cli::Args};

    #[test]
    fn tables_that_are_made_of_events_because_of_another_chisel_are_named() {
        let path = std::env::temp_dir().join(format!("tracer-demoted-{}.rhai", std::process::id()));
        let text = "chisel(#{ summary: \"calls of ports\" });\nfilter(\"evt.is_io=true and fd.type in (ipv4, ipv6)\");\n\
            table(#{ keys: [\"fd.lport\"], value: #{ op: \"count\" } });\n";
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let said = |words: &[&str]| {
            let args = Args::try_parse_from(std::iter::once("tracer").chain(words.iter().copied())).unwrap();
            let mut plan = crate::cli::run::plan(&args, &Library::builtin(), &[]).unwrap();
            let mode = plan.mode();
            let asked = Asked::of(&mut plan.outputs, &mode, || true);
            demoted(&asked, &plan.outputs)
        };
        assert_eq!(said(&["-c", file]), None);
        assert_eq!(said(&["-c", "topscalls", "-c", "spy_users"]), None, "it is counted beside");
        let both = said(&["-c", file, "-c", "spy_users"]).unwrap();
        assert!(
            both.starts_with(&format!(
                "chisel '{file}' is not counted in the kernel, because chisel 'spy_users' needs"
            )),
            "{both}"
        );
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn tables_that_rows_tell_apart_are_one() {
        let folder = std::env::temp_dir().join(format!("tracer-one-row-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let calls_of = |tables: &[(&str, &str, &str)]| {
            let file = |(at, (keys, value, filter)): (usize, &(&str, &str, &str))| {
                let path = folder.join(format!("{at}.rhai"));
                let text = format!(
                    "chisel(#{{ summary: \"a table\" }});\nfilter(\"{filter}\");\ntable(#{{ keys: [{keys}], value: #{{ {value} }} }});\n"
                );
                std::fs::write(&path, text).unwrap();
                path.to_str().unwrap().to_owned()
            };
            let files: Vec<String> = tables.iter().enumerate().map(file).collect();
            let words = files.iter().flat_map(|file| ["-c", file]);
            let args = Args::try_parse_from(std::iter::once("tracer").chain(words)).unwrap();
            let mut plan = crate::cli::run::plan(&args, &Library::builtin(), &[]).unwrap();
            let mode = plan.mode();
            let asked = Asked::of(&mut plan.outputs, &mode, || true);
            assert_eq!(asked.tables.why, None, "{tables:?}");
            asked.tables.calls.iter().flatten().map(|of| (of.by, of.number, of.bytes_of)).collect::<Vec<_>>()
        };
        let (process, call) = ("\"proc.pid\"", "\"proc.pid\", \"evt.type\"");
        let errno = "\"proc.pid\", \"evt.type\", \"evt.res\"";
        let count = "op: \"count\"";
        let bytes = "op: \"sum\", field: \"evt.buflen\"";
        let failures = "op: \"sum\", field: \"evt.count.error\"";
        let all = "syscall.type exists";
        let of_files = "evt.is_io=true and fd.type=file";
        let finest = by::TGID | by::CALL | by::ERROR;
        // What a call is and what came of it, the row tells.
        let told =
            calls_of(&[(call, count, all), (errno, count, "evt.failed=true"), (errno, count, "evt.type=connect")]);
        assert_eq!(told, [(finest, Number::None, None)]);
        // Nothing tells the failed ones of these.
        assert_eq!(calls_of(&[(process, count, all), (process, count, "evt.failed=true")]).len(), 2);
        assert_eq!(calls_of(&[(call, count, all), (call, count, "proc.name=cat")]).len(), 2);
        // Whoever measures no times does not pay for them.
        let times = "op: \"sum\", field: \"evt.latency\"";
        assert_eq!(calls_of(&[(call, count, all), (call, times, "evt.type=read")]).len(), 2);
        // Bytes stand in the rows of calls that count anyway.
        let numbered = calls_of(&[(process, failures, all), (process, bytes, of_files)]);
        let own = (by::TGID, Number::Bytes, None);
        assert_eq!(numbered, [(by::TGID, Number::BytesAndFailure, Some(1)), own]);
        // Of these, not all of which there are bytes count.
        let apart = [(process, failures, "proc.name=cat and syscall.type exists"), (process, bytes, of_files)];
        assert_eq!(calls_of(&apart), [(by::TGID, Number::Failure, None), own]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
