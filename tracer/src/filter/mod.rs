//! Filters: which events are wanted.
//!
//! Text becomes words ([`lex`]), a tree ([`parse`], [`ast`]), tests with checked names and types ([`check`]) and a
//! predicate ([`compile`]). A test of a field that has no value is false, whatever the operator; so `proc.name != x` and
//! `not proc.name = x` differ.

pub mod ast;
mod check;
mod compile;
mod error;
mod glob;
mod lex;
mod parse;

pub use error::FilterError;
pub use parse::parse;

use crate::{
    event::Row,
    fields::{Context, EventType, Needs, Show},
};
use compile::Node;

/// A compiled filter.
#[derive(Debug)]
pub struct Filter {
    node: Node,
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// It does not follow the language, or a name or type in it is wrong.
    pub fn compile(filter: &str, show: Show) -> Result<Self, FilterError> {
        Ok(Self { node: compile::compile(filter, &parse(filter)?, show)? })
    }

    /// Whether the event is wanted.
    #[must_use]
    pub fn matches(&self, context: &Context<'_>) -> bool {
        self.node.holds(context)
    }

    /// Whether events of that type can be wanted, as far as the type decides.
    #[must_use]
    pub fn may_match(&self, event: &EventType<'_>) -> bool {
        self.node.decide(&|check| check.field.by_type(event).map(|value| check.test.passes(&value))) != Some(false)
    }

    /// The same for all events of a row.
    #[must_use]
    pub fn may_match_row(&self, row: &Row) -> bool {
        self.may_match(&EventType::of(row))
    }

    /// Whether the event is wanted while the metadata of its container is not known; `None` when that decides.
    #[must_use]
    pub fn decide_without_container(&self, context: &Context<'_>) -> Option<bool> {
        self.node.decide(&|check| match check.field.needs().has(Needs::CONTAINER_NOW) {
            true => None,
            false => Some(check.holds(context)),
        })
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
    use crate::testing::World;
    use tracer_common::events;

    fn filter(text: &str) -> Filter {
        Filter::compile(text, Show::default()).unwrap()
    }

    fn error(text: &str) -> FilterError {
        Filter::compile(text, Show::default()).unwrap_err()
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
        let generic = EventType { row: &events::meta::GENERIC, name: Some("mmap") };
        assert!(filter("evt.type=mmap").may_match(&generic));
        assert!(!filter("evt.type=munmap").may_match(&generic));
    }

    #[test]
    fn errors_name_field_operator_and_value() {
        assert_eq!(error("proc.nam=x").hint.as_deref(), Some("did you mean 'proc.name'?"));
        assert_eq!(error("evt.type=opnat").hint.as_deref(), Some("did you mean 'openat'?"));
        assert_eq!(
            error("proc.pid=abc").to_string(),
            "filter: expected a whole number\n  proc.pid=abc\n           ^^^"
        );
        assert_eq!(
            error("proc.pid contains 3").to_string(),
            "filter: 'contains' does not work on 'proc.pid', which is of type integer\n  proc.pid contains 3\n           ^^^^^^^^"
        );
        assert!(error("evt.failed=yes").to_string().contains("expected true or false"));
        assert!(error("fd.sip=localhost").to_string().contains("expected an address"));
    }

    #[test]
    fn needs_are_those_of_the_fields() {
        assert!(filter("container.name=x").needs().has(Needs::CONTAINER_NOW));
        assert!(!filter("container.id=x").needs().has(Needs::CONTAINER));
        assert!(filter("thread.cpu>1").needs().has(Needs::CPU_TIME));
        assert!(filter("proc.name=x").needs().has(Needs::STATE) && !filter("proc.pid=1").needs().has(Needs::STATE));
        assert!(filter("evt.buffer contains x").needs().has(Needs::PAYLOAD));
    }
}
