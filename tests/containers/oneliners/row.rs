//! Runs a table of one-liners: some at the same time, each with its own workload, so that every workload is also one that
//! the others must not show.
//!
//! Nothing is added to a line that people type, so a tracer cannot be asked whether it watches: its workload is run again
//! and again until it shows some of it, and once more after that. A pattern with a `{tag}` is about this last run, one
//! without about all that was printed.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tracer_tests::{
    command::Running,
    docker::{Container, Docker, unique},
    level,
    scratch::Scratch,
    wait,
};

/// Tracers at the same time: each sees what all others cause, and has to keep up on a small machine.
const AT_ONCE: usize = 5;
/// Between two runs of the workloads while a tracer starts, so that they leave it time to.
const PAUSE: Duration = Duration::from_millis(50);

/// A line that people type, something that happens meanwhile, and what must come of it.
///
/// In all texts `{dir}` is an empty folder on the host, `{web}` and `{db}` are the names of two containers and `{web_ip}`
/// and `{db_ip}` their addresses; `{tag}` is a number that each run of the workload has for itself.
pub struct OneLiner {
    /// What follows the name of the program, as a shell reads it.
    pub line: &'static str,
    /// What a shell on the host runs, and at the same time ...
    pub host: &'static str,
    /// ... a shell in the container `web` ...
    pub web: &'static str,
    /// ... and one in the container `db`. Shells of busybox run its commands without an exec, unless they have a path.
    pub db: &'static str,
    /// What must be shown: each in a line of its own. A `*` stands for anything.
    pub shows: &'static [&'static str],
    /// What no line may show. A `*` stands for anything.
    pub never: &'static [&'static str],
}

/// What a row does not name.
pub const NONE: OneLiner = OneLiner { line: "", host: "", web: "", db: "", shows: &[], never: &[] };

/// What rows are about. Both containers serve their folder /tmp over HTTP at the ports 8080 and 8081.
struct World {
    scratch: Scratch,
    web: (Container, String),
    db: (Container, String),
}

impl World {
    fn start() -> Self {
        Self { scratch: Scratch::new(), web: container("web"), db: container("db") }
    }

    fn fill(&self, text: &str, tag: u32) -> String {
        let dir = self.scratch.dir().display().to_string();
        let values = [
            ("{dir}", dir.as_str()),
            ("{web}", &self.web.0.name),
            ("{db}", &self.db.0.name),
            ("{web_ip}", &self.web.1),
            ("{db_ip}", &self.db.1),
            ("{tag}", &tag.to_string()),
        ];
        values.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn trace(&self, row: &OneLiner) -> Running {
        let line = format!("exec {} {}", level::tracer().display(), self.fill(row.line, 0));
        Running::start(Command::new("sh").args(["-c", &line]).stdin(Stdio::null()))
    }

    /// Runs the workload of a row in all its places at once. What fails there may be what the row is about.
    fn work(&self, row: &OneLiner, tag: u32) {
        let docker = Docker::default();
        let places = [
            (row.host, Command::new("env")),
            (row.web, docker.command(&["exec", &self.web.0.id])),
            (row.db, docker.command(&["exec", &self.db.0.id])),
        ];
        let run = |(script, mut shell): (&str, Command)| {
            shell.args(["timeout", "10", "sh", "-c", &self.fill(script, tag)]);
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell")
        };
        let children: Vec<Child> = places.into_iter().filter(|(script, _)| !script.is_empty()).map(run).collect();
        for mut child in children {
            let _ = child.wait().expect("a child");
        }
    }
}

/// A container of that name with its address.
fn container(name: &str) -> (Container, String) {
    let docker = Docker::default();
    let serve = "httpd -p 8080 -h /tmp; httpd -p 8081 -h /tmp; exec sleep 1000";
    let container = docker.run(&unique(name), &[], &["sh", "-c", serve]);
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker.output(&["inspect", "--format", format, &container.id]);
    wait::until("a container to serve", || {
        let ask = "nc 127.0.0.1 8080 </dev/null && nc 127.0.0.1 8081 </dev/null";
        docker.command(&["exec", &container.id, "sh", "-c", ask]).output().ok()?.status.success().then_some(())
    });
    (container, address)
}

/// Whether the text has all parts of the pattern in their order.
fn has(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| {
        let found = rest.find(part).map(|at| at + part.len());
        rest = &rest[found.unwrap_or(rest.len())..];
        found.is_some()
    })
}

/// Runs the rows, a few at a time, and says of all of them what is wrong.
///
/// # Panics
/// If something is.
pub fn run(rows: &[OneLiner]) {
    if !level::engine_or_skip() {
        return;
    }
    let world = World::start();
    let mut tag = 1000;
    let problems: String = rows.chunks(AT_ONCE).map(|rows| run_at_once(&world, rows, &mut tag)).collect();
    assert!(problems.is_empty(), "{problems}");
}

/// What is wrong with some rows that run at the same time. `tag` is the last one used.
fn run_at_once(world: &World, rows: &[OneLiner], tag: &mut u32) -> String {
    let first_tag = *tag + 1;
    let mut watching: Vec<(&OneLiner, Running, Vec<String>, bool)> =
        rows.iter().map(|row| (row, world.trace(row), Vec::new(), false)).collect();
    let deadline = Instant::now() + wait::LONG;
    while Instant::now() < deadline && watching.iter().any(|(.., shown)| !shown) {
        *tag += 1;
        for (row, running, lines, shown) in watching.iter_mut().filter(|(.., shown)| !shown) {
            world.work(row, *tag);
            lines.extend(running.lines());
            let first = |tag| world.fill(row.shows[0], tag);
            *shown = (first_tag..=*tag).map(first).any(|first| lines.iter().any(|line| has(line, &first)));
        }
        thread::sleep(PAUSE);
    }

    *tag += 1;
    let tag = *tag;
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || world.work(row, tag));
        }
    });
    for (_, running, ..) in &watching {
        running.interrupt();
    }
    let wrong = |(row, running, mut lines, _): (&OneLiner, Running, Vec<String>, bool)| {
        let output = running.end();
        lines.extend(output.lines);
        wrong(world, row, tag, &lines, &output.errors)
    };
    watching.into_iter().map(wrong).collect()
}

/// What is wrong with the output of a row; empty when all is well.
fn wrong(world: &World, row: &OneLiner, tag: u32, lines: &[String], errors: &str) -> String {
    let mut problems = Vec::new();
    if !errors.lines().any(|line| line.ends_with(" 0 lost")) {
        problems.push(format!("lost something: {errors}"));
    }
    for pattern in row.shows.iter().map(|pattern| world.fill(pattern, tag)) {
        if !lines.iter().any(|line| has(line, &pattern)) {
            problems.push(format!("does not show {pattern:?}"));
        }
    }
    for pattern in row.never.iter().map(|pattern| world.fill(pattern, tag)) {
        if let Some(line) = lines.iter().find(|line| has(line, &pattern)) {
            problems.push(format!("shows {pattern:?}: {line:?}"));
        }
    }
    if problems.is_empty() {
        return String::new();
    }
    let last = &lines[lines.len().saturating_sub(30)..];
    format!("\ntracer {}\n  {}\n  the last lines: {last:#?}\n", row.line, problems.join("\n  "))
}
