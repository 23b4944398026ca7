//! Filters: which events are wanted.
//!
//! Text becomes words ([`lex`]), a tree ([`parse`], [`ast`]), tests with checked names and types ([`check`], [`operand`])
//! and a predicate ([`compile`]). What the code of an event decides is found when the filter is compiled and is a look at
//! one bit from then on. A test of a field that has no value is false, whatever the operator; so `proc.name != x` and
//! `not proc.name = x` differ.

pub mod ast;
mod check;
mod compare;
mod compile;
mod error;
#[cfg(test)]
mod event_names;
pub mod kernel;
mod lex;
mod literal;
mod operand;
pub mod operator;
mod parse;
mod prefixes;
#[cfg(test)]
mod properties;
mod stretches;
mod test;
mod texts;
pub mod transform;
#[cfg(test)]
mod wrong;

pub use error::FilterError;
pub(crate) use error::did_you_mean;
pub use operand::Operand;
pub use parse::{MAX_LEN_BYTES, parse};
pub use stretches::Stretches;
pub use test::Test;
pub use texts::{TextField, TextFilter};

use tracer_common::events;

use crate::{
    event::{Group, Row},
    fields::{Context, EventType, FieldRef, Needs, Show},
};
use check::Checker;
use compile::{Decided, Node};

/// A compiled filter.
#[derive(Debug)]
pub struct Filter {
    node: Node,
    /// What the code of an event decides alone.
    decided: Decided,
    notes: Vec<String>,
    advice: Vec<String>,
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// It does not follow the language, a name or type in it is wrong, or it is larger than its limits: of text
    /// ([`MAX_LEN_BYTES`]), of depth, of regular expressions.
    pub fn compile(filter: &str, show: Show) -> Result<Self, FilterError> {
        let mut checker = Checker::new(filter, show);
        let node = compile::compile(&mut checker, &parse(filter)?)?;
        let decided = Decided::new(|event| node.decide(&|check| check.by_type(event)));
        let advice = checker.advice();
        Ok(Self { node, decided, notes: checker.notes, advice })
    }

    /// Lets through what is in stretches of time.
    #[must_use]
    pub fn of_stretches(stretches: Stretches) -> Self {
        let node = Node::Stretches(Box::new(stretches.sorted()));
        Self { node, decided: Decided::new(|_| None), notes: Vec::new(), advice: Vec::new() }
    }

    /// What a person should know of it: names that are right and never match. A remedy is in a second line, `hint: …`.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What a person who watches may want to know: the filter is right, and most programs do something else. In the form of
    /// [`Filter::notes`].
    #[must_use]
    pub fn advice(&self) -> &[String] {
        &self.advice
    }

    /// Whether the event is wanted. This is asked for every event: it looks up no name, and takes memory only for fields
    /// whose text has to be made.
    #[must_use]
    pub fn matches(&self, context: &Context<'_>) -> bool {
        if let Some(group) = context.event.group {
            return self.group_matches(group, context);
        }
        self.decided.get(context.event.row.code).unwrap_or_else(|| self.node.holds(context))
    }

    /// The same of events that were counted in the kernel, which has decided everything but what their row says.
    fn group_matches(&self, group: Group, context: &Context<'_>) -> bool {
        self.node.decide(&|check| kernel::of_group(check, group, context)) != Some(false)
    }

    /// Whether events of that type can be wanted, as far as the type decides.
    #[must_use]
    pub fn may_match(&self, event: &EventType<'_>) -> bool {
        self.node.decide(&|check| check.by_type(event)) != Some(false)
    }

    /// The same for all events of a row.
    #[must_use]
    pub fn may_match_row(&self, row: &Row) -> bool {
        self.may_match(&EventType::of(row))
    }

    /// Whether the event is wanted while the metadata of its container is not known; `None` when that decides.
    #[must_use]
    pub fn decide_without_container(&self, context: &Context<'_>) -> Option<bool> {
        self.node.decide(&|check| match check.needs().has(Needs::CONTAINER_NOW) {
            true => None,
            false => Some(check.holds(context)),
        })
    }

    /// Whether events of the thread of `context` can be wanted, whatever they are.
    #[must_use]
    pub fn may_match_thread(&self, context: &Context<'_>) -> bool {
        self.node.decide(&|check| check.is_about_threads().then(|| check.holds(context))) != Some(false)
    }

    /// Visits the tests with a constant that every event has to pass, with the names of their fields.
    pub fn each_required(&self, visit: &mut dyn FnMut(&str, &Test)) {
        for part in self.node.conjuncts() {
            if let Node::Check(check) = part
                && let Some((field, test)) = check.check.constant()
            {
                visit(field.field.name, test);
            }
        }
    }

    /// Whether a test asks for events of a row by what they are, and not for most others as well.
    #[must_use]
    pub fn names(&self, row: &'static Row) -> bool {
        let mut names = false;
        self.node.each(&mut |test| {
            let passes = |row: &'static Row| test.check.by_type(&EventType::of(row)) == Some(true);
            names |= passes(row) && 2 * events::all().filter(|row| passes(row)).count() < events::all().count();
        });
        names
    }

    /// Whether no event without a value of that field is wanted. `nothing` is an event of which nothing is known.
    #[must_use]
    pub fn asks_for(&self, field: &FieldRef, nothing: &Context<'_>) -> bool {
        let name = field.name();
        let is_it = |check: &check::Checked| check.field().is_some_and(|it| it.name() == name);
        self.node.decide(&|check| is_it(check).then(|| check.holds(nothing))) == Some(false)
    }

    /// What has to be collected for its fields.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.node.needs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_never_comes_back_is_noted_with_its_event() {
        let notes = |text: &str| Filter::compile(text, Show::default()).unwrap().notes().to_vec();
        let note = notes("evt.type=exit_group and proc.name=cat");
        assert_eq!(note.len(), 1);
        assert!(note[0].contains("'exit_group'") && note[0].ends_with("\nhint: use procexit"), "{note:?}");
        assert_eq!(notes("evt.type in (exit, exit_group, close)").len(), 2);
        assert_eq!(notes("evt.type startswith exit_").len(), 1);
        for right in ["evt.type != exit_group", "evt.type contains exit", "evt.type=procexit", "proc.name=exit"] {
            assert_eq!(notes(right), Vec::<String>::new(), "{right}");
        }
        for (call, event) in tracer_common::arch::NO_RETURN {
            assert!(tracer_common::arch::call_names().any(|name| name == *call));
            assert!(tracer_common::events::all().any(|row| row.name == *event));
        }
    }
    #[test]
    fn a_part_of_an_id_of_a_container_is_noted() {
        let notes = |text: &str| Filter::compile(text, Show::default()).unwrap().notes().to_vec();
        let hint = |text: &str| notes(text).concat().rsplit_once("\nhint: ").map(|(_, hint)| hint.to_owned());
        for (filter, expected) in [
            ("container.id=0123ab", "container.id startswith 0123ab"),
            ("container.id != 0123AB", "container.id startswith 0123ab"),
            ("container.id in (host, 0123456789AB)", "container.id=0123456789ab"),
            ("container.ids in (0123456789abcdef)", "container.full_id startswith 0123456789abcdef"),
        ] {
            let hint = hint(filter);
            assert_eq!(hint.as_deref(), Some(expected), "{filter}");
            assert_eq!(notes(expected), Vec::<String>::new(), "{expected}");
        }
        let whole = "0123456789abcdef".repeat(4);
        for right in ["host", "0123456789ab", &*whole, "web", "cafe", "101", "db1"] {
            assert_eq!(hint(&format!("container.id={right}")), None, "{right}");
        }
        assert_eq!(hint("container.id startswith 0123ab").or(hint("proc.name=0123ab")), None);
    }

    use crate::testing::World;
    use tracer_common::events;

    fn filter(text: &str) -> Filter {
        Filter::compile(text, Show::default()).unwrap()
    }

    #[test]
    fn what_exists_for_all_calls_without_a_row_of_their_own_is_decided() {
        let generic = EventType { name: None, ..EventType::of(events::by_syscall("readahead")) };
        assert_eq!(events::by_syscall("readahead").code, events::by_syscall("sync").code, "two calls share the row");
        for (text, expected) in [
            ("syscall.type exists", true),
            ("not syscall.type exists", false),
            // Events tell the calls apart.
            ("not syscall.type=readahead", true),
            ("not proc.name exists", true),
        ] {
            assert_eq!(filter(text).may_match(&generic), expected, "{text}");
        }
    }

    #[test]
    fn tests_compare_by_the_type_of_their_field() {
        let world = World::new();
        let record = world.openat(10, 3, b"/etc/passwd");
        let cases = [
            ("evt.type=openat", true),
            ("evt.type in (open, openat)", true),
            ("evt.type!=openat", false),
            ("proc.name=bash and fd.num=3", true),
            ("proc.name contains as and not proc.name startswith x", true),
            ("proc.name icontains BAS", true),
            ("proc.name endswith sh", true),
            ("proc.name glob b*h", true),
            ("fd.name=/etc/passwd", true),
            ("fd.directory=/etc and fd.filename=passwd", true),
            ("evt.rawres>=0 and evt.failed=false", true),
            ("evt.rawarg.flags=4097", true),
            ("evt.arg.flags contains O_RDONLY", true),
            ("proc.pid in (1, 10)", true),
            ("proc.pid < 10", false),
            ("evt.is_io=true", false),
            ("container.id=host and container.name=host", true),
            ("evt.rawarg.data exists", false),
            ("proc.aname=init", true),
            ("proc.aname[1]=init and proc.apid[1]=1", true),
            ("proc.aname=nobody", false),
            ("proc.name regex ba.*", true),
            ("proc.name regex as", false),
            ("proc.name iglob B?SH and proc.name glob *as*", true),
            ("fd.name pmatch (/usr, /etc) and not fd.name pmatch (/et)", true),
            ("fd.name bcontains 706173 and fd.name bstartswith 2f65", true),
            ("proc.name intersects (sh, bash)", true),
            ("proc.name = anyof (sh, bash) and fd.name contains allof (etc, pass)", true),
            ("fd.name contains oneof (etc, pass)", false),
            ("proc.name != anyof (sh, bash) and not proc.name != allof (sh, bash)", true),
            ("proc.name in ()", false),
            ("evt.rawarg.flags=0x1001 and evt.rawarg.flags=010001", true),
            ("evt.arg.ino > 9 and evt.arg.ino < 100", true),
            ("evt.reltime < 2s and evt.reltime > 1.2s and evt.reltime=1234567890", true),
            ("len(fd.name) = 11 and len(proc.name) in (4, 5)", true),
            ("toupper(basename(fd.name)) = PASSWD", true),
            ("tolower(fd.name) startswith /ETC", false),
            ("proc.name = val(proc.exe) and proc.name != val(proc.pname)", true),
            ("proc.name != val(evt.rawarg.data)", false),
            ("fd.name endswith basename(fd.name)", true),
            ("proc.pid > val(proc.ppid) and proc.ppid in val(proc.apid)", true),
            ("proc.aname = val(proc.pname)", true),
            ("concat(proc.pname, \"/\", proc.name) = init/bash", true),
            ("join(\",\", (proc.pname, proc.name)) = 'init,bash'", true),
            ("b64(proc.name) exists", true),
            ("getopt(proc.args, \"xy:\")[x] = '' and not getopt(proc.args, \"xy:\")[y] exists", true),
            ("getopt(proc.args, \"x:\")[x] = file", true),
            ("getopt((proc.args[0], proc.name), \"x:\") intersects (bash)", true),
            ("getopt(proc.args, \"y\") exists", false),
            ("evt.type.is.openat=1 and evt.type.is.open=0", true),
        ];
        for (text, expected) in cases {
            world.with(&record, |context| assert_eq!(filter(text).matches(context), expected, "{text}"));
        }
    }

    #[test]
    fn a_missing_value_fails_every_test_but_not_its_negation() {
        let world = World::new();
        let record = world.unknown_thread();
        world.with(&record, |context| {
            assert!(!filter("proc.name=x").matches(context));
            assert!(!filter("proc.name!=x").matches(context));
            assert!(filter("not proc.name=x").matches(context));
            assert!(!filter("proc.name exists").matches(context));
        });
    }

    #[test]
    fn fields_of_both_ends_match_either() {
        let world = World::new();
        let record = world.write_socket(10, 5, 100);
        let cases = [
            ("fd.ip=10.0.0.1", true),
            ("fd.ip=10.0.0.2", true),
            ("fd.ip!=10.0.0.1", false),
            ("fd.ip!=10.0.0.3", true),
            ("fd.port=80", true),
            ("fd.port!=80", false),
            ("fd.port<100", true),
            ("fd.sport=80 and fd.cip=10.0.0.1 and fd.l4proto=tcp", true),
            ("fd.type in (ipv4, ipv6)", true),
        ];
        for (text, expected) in cases {
            world.with(&record, |context| assert_eq!(filter(text).matches(context), expected, "{text}"));
        }
    }

    #[test]
    fn the_type_of_an_event_can_rule_it_out() {
        let rows = |text: &str| -> Vec<&str> {
            let filter = filter(text);
            events::all().filter(|row| filter.may_match_row(row)).map(|row| row.name).collect()
        };
        // The beginning of the call has the same name.
        assert_eq!(rows("evt.type=openat"), ["openat", "openat", "syscall"]);
        assert_eq!(rows("evt.type=procinfo"), ["syscall", "procinfo"]);
        let is_io = |name: &&str| events::all().any(|row| row.name == *name && row.is_io());
        let io = rows("evt.is_io=true and proc.name=x");
        assert!(io.contains(&"read") && io.iter().all(is_io), "{io:?}");
        assert!(!rows("fd.type=ipv4").contains(&"execve"));
        assert!(rows("not evt.type=openat").contains(&"open"));
        assert_eq!(rows("proc.name=x").len(), events::all().count());
        let generic = EventType::of_call(&events::meta::GENERIC, "mmap");
        assert!(filter("evt.type=mmap").may_match(&generic));
        assert!(!filter("evt.type=munmap").may_match(&generic));
    }

    #[test]
    fn calls_without_a_row_have_their_names() {
        let world = World::new();
        let record = world.generic(10, "sysinfo");
        for (text, expected) in [
            ("evt.type=sysinfo", true),
            ("evt.type in (open, sysinfo)", true),
            ("evt.type=syscall", false),
            ("not evt.type startswith sys", false),
            ("evt.is_io=true", false),
        ] {
            world.with(&record, |context| assert_eq!(filter(text).matches(context), expected, "{text}"));
        }
    }

    #[test]
    fn needs_are_those_of_the_fields() {
        assert!(filter("container.name=x").needs().has(Needs::CONTAINER_NOW));
        assert!(!filter("container.id=x").needs().has(Needs::CONTAINER));
        assert!(filter("thread.cpu>1").needs().has(Needs::CPU_TIME));
        assert!(filter("fd.name=x").needs().has(Needs::STATE) && !filter("proc.pid=1").needs().has(Needs::THREADS));
        let threads = filter("proc.cmdline=x").needs();
        assert!(threads.has(Needs::THREADS) && !threads.has(Needs::STATE));
        assert!(filter("proc.name=x").needs().has(Needs::WHO) && !filter("proc.name=x").needs().has(Needs::THREADS));
        assert!(filter("evt.buffer contains x").needs().has(Needs::PAYLOAD));
    }
}
