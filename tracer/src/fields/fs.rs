//! `fs.path.*`: the paths of calls on the file system that succeeded.
//!
//! Which parameter of which call is the path stands in one table, by name, and is looked up once.

use std::{borrow::Cow, sync::LazyLock};

use tracer_common::{
    events::{self, code},
    kind::Kind,
};

use super::{Arg, Context, EventType, Needs, Value, absolute, fields};
use crate::{event::Row, state::path};

/// Where a path comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The parameter of that name.
    Param(&'static str),
    /// The descriptor of the event.
    Fd,
}

/// What a path is to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Name,
    Source,
    Target,
}

use Origin::{Fd, Param};

/// The calls with one path.
const NAMES: &[(u16, Origin)] = &[
    (code::MKDIR, Param("path")),
    (code::MKDIRAT, Param("path")),
    (code::RMDIR, Param("path")),
    (code::UNLINK, Param("path")),
    (code::UNLINKAT, Param("name")),
    (code::OPEN, Param("name")),
    (code::OPENAT, Param("name")),
    (code::OPENAT2, Param("name")),
    (code::CHMOD, Param("filename")),
    (code::FCHMODAT, Param("filename")),
    (code::FCHMOD, Fd),
    (code::CHOWN, Param("path")),
    (code::LCHOWN, Param("path")),
    (code::FCHOWNAT, Param("pathname")),
    (code::FCHOWN, Fd),
    (code::QUOTACTL, Param("special")),
    (code::UMOUNT, Param("name")),
    (code::UMOUNT2, Param("name")),
];

/// The calls with two: source and target. Of a link, the source is the new name.
const PAIRS: &[(u16, &str, &str)] = &[
    (code::RENAME, "oldpath", "newpath"),
    (code::RENAMEAT, "oldpath", "newpath"),
    (code::RENAMEAT2, "oldpath", "newpath"),
    (code::LINK, "newpath", "oldpath"),
    (code::LINKAT, "newpath", "oldpath"),
    (code::SYMLINK, "linkpath", "target"),
    (code::SYMLINKAT, "linkpath", "target"),
    (code::MOUNT, "dev", "dir"),
];

/// A path of a row: an index, or none for the descriptor.
#[derive(Debug, Clone, Copy)]
struct Found {
    role: Role,
    param: Option<u8>,
}

static BY_CODE: LazyLock<Box<[Vec<Found>]>> = LazyLock::new(|| {
    let param = |code: u16, name: &str| {
        let found = events::by_code(code).and_then(|row| row.param(name));
        found.and_then(|(at, _)| u8::try_from(at).ok())
    };
    let mut table = vec![Vec::new(); 512];
    for (code, from) in NAMES {
        table[usize::from(*code)].push(match from {
            Fd => Found { role: Role::Name, param: None },
            Param(name) => Found { role: Role::Name, param: param(*code, name) },
        });
    }
    for (code, source, target) in PAIRS {
        for (role, name) in [(Role::Source, source), (Role::Target, target)] {
            table[usize::from(*code)].push(Found { role, param: param(*code, name) });
        }
    }
    table.into()
});

fn find(row: &Row, role: Role) -> Option<Found> {
    BY_CODE.get(usize::from(row.code))?.iter().find(|found| found.role == role).copied()
}

/// Types without such a path.
fn none(event: &EventType<'_>, role: Role) -> Option<Value<'static>> {
    find(event.row, role).is_none().then_some(Value::Missing)
}

/// The path as it was passed; of a descriptor, to the call that opened it.
fn raw<'a>(c: &Context<'a>, role: Role) -> Option<&'a [u8]> {
    let found = find(c.event.row, role).filter(|_| !c.event.failed() && c.event.result().is_some())?;
    let text = match found.param {
        Some(at) => c.event.params.text(usize::from(at)),
        None => c.fd.map(|fd| fd.raw_name.as_deref().unwrap_or(&fd.name)),
    };
    text.filter(|text| !text.is_empty())
}

/// The path from the root on.
fn whole<'a>(c: &Context<'a>, role: Role) -> Option<Cow<'a, [u8]>> {
    let text = raw(c, role)?;
    let Some(at) = find(c.event.row, role)?.param else { return c.fd.map(|fd| Cow::Borrowed(&*fd.name)) };
    let kind = c.event.row.params.get(usize::from(at))?.kind;
    Some(match kind {
        Kind::Path | Kind::PathAt(_) => absolute(c, kind, text).into(),
        _ if text.starts_with(b"/") => path::resolve(b"", text).into(),
        // What a link leads to begins at the directory of the link.
        _ if matches!(c.event.row.code, code::SYMLINK | code::SYMLINKAT) => {
            path::resolve(path::split(&whole(c, Role::Source)?).0, text).into()
        }
        // What is mounted need not be a path: `tmpfs`.
        _ => text.into(),
    })
}

fn value<'a>(c: &Context<'a>, role: Role) -> Value<'a> {
    whole(c, role).map_or(Value::Missing, Value::Text)
}

fn no_name(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    none(event, Role::Name)
}

fn no_source(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    none(event, Role::Source)
}

fn no_target(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    none(event, Role::Target)
}

fields! { FIELDS needs STATE;
    "fs.path.name": Text [by_type(no_name) cost(8)] => |c, _| value(c, Role::Name),
        "path of a call that takes one path: open, mkdir, rmdir, unlink, chmod, chown, umount, quotactl";
    "fs.path.nameraw": Text [by_type(no_name) cost(2)] => |c, _| raw(c, Role::Name).into(), "fs.path.name as passed \
        to the call";
    "fs.path.source": Text [by_type(no_source) cost(8)] => |c, _| value(c, Role::Source),
        "source path of a call that takes two: the old name for rename, the new name for link and symlink, the source \
            for mount";
    "fs.path.sourceraw": Text [by_type(no_source) needs(Needs::NONE) cost(2)] => |c, _| raw(c, Role::Source).into(),
        "fs.path.source as passed to the call";
    "fs.path.target": Text [by_type(no_target) cost(8)] => |c, _| value(c, Role::Target),
        "target path: the new name for rename, the target of link and symlink, the mount point for mount";
    "fs.path.targetraw": Text [by_type(no_target) needs(Needs::NONE) cost(2)] => |c, _| raw(c, Role::Target).into(),
        "fs.path.target as passed to the call";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::FieldRef, fields::Show, testing::World};

    #[test]
    fn every_parameter_of_the_table_is_one_of_its_call() {
        let from_params = NAMES.iter().filter(|(_, from)| matches!(from, Param(_))).count();
        let found = BY_CODE.iter().flatten().filter(|found| found.param.is_some()).count();
        assert_eq!(found, from_params + 2 * PAIRS.len());
    }

    #[test]
    fn paths_are_those_of_calls_that_succeeded() {
        let world = World::new();
        let text = |name: &str, record: &[u8]| {
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(record, |context| match field.get(context) {
                Value::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                _ => None,
            })
        };
        let link = |res: i64| {
            let params: [&[u8]; 3] = [&res.to_le_bytes(), b"../x/y\0", b"links/a\0"];
            world.record(10, code::SYMLINK, &params)
        };
        assert_eq!(text("fs.path.source", &link(0)).as_deref(), Some("/home/me/links/a"));
        assert_eq!(text("fs.path.target", &link(0)).as_deref(), Some("/home/me/x/y"));
        assert_eq!(text("fs.path.targetraw", &link(0)).as_deref(), Some("../x/y"));
        assert_eq!((text("fs.path.source", &link(-2)), text("fs.path.name", &link(0))), (None, None));
        let opened = |fd: i64, dirfd: i64| world.openat_at(10, fd, dirfd, b"./f");
        assert_eq!(text("fs.path.name", &opened(9, 4)).as_deref(), Some("/srv/data/f"));
        assert_eq!(text("fs.path.nameraw", &opened(9, 4)).as_deref(), Some("./f"));
        assert_eq!(text("fs.path.name", &opened(9, 77)).as_deref(), Some("<UNKNOWN>/./f"));
        assert_eq!(text("fs.path.name", &opened(-2, 4)), None);
        assert_eq!(text("evt.abspath", &opened(-2, 4)).as_deref(), Some("/srv/data/f"));
    }
}
