//! Paths of an event, from the root on.

use tracer_common::kind::Kind;

use super::Context;
use crate::state::path;

/// `AT_FDCWD`.
const AT_FDCWD: i64 = -100;

/// The path that `text` means, a parameter of that kind: without `.` and `..`, below the working directory or the directory
/// of the event when it is relative. Below `<UNKNOWN>` when that is not known.
#[must_use]
pub(crate) fn absolute(c: &Context<'_>, kind: Kind, text: &[u8]) -> Vec<u8> {
    if text.starts_with(b"/") {
        return path::resolve(b"", text);
    }
    match base(c, kind).filter(|base| base.is_empty() || base.starts_with(b"/")) {
        Some(base) => path::resolve(base, text),
        None => [b"<UNKNOWN>/", text].concat(),
    }
}

/// The same as the name of a descriptor has it: nothing below a directory that is not known, but in captures of others the
/// path as it was passed, because nothing more will ever be known of it.
#[must_use]
pub(crate) fn as_name(c: &Context<'_>, kind: Kind, text: &[u8]) -> Option<Vec<u8>> {
    let is_known = text.starts_with(b"/") || base(c, kind).is_some_and(|base| base.starts_with(b"/"));
    match is_known {
        true => Some(absolute(c, kind, text)),
        false => c.event.from_file.then(|| path::resolve(b"", text)),
    }
}

/// The directory that a relative path of that kind begins at.
fn base<'a>(c: &Context<'a>, kind: Kind) -> Option<&'a [u8]> {
    let dirfd = match kind {
        Kind::PathAt(dirfd) => c.event.params.i64(usize::from(dirfd))?,
        _ => AT_FDCWD,
    };
    if dirfd == AT_FDCWD {
        return c.thread.map(|thread| c.state.cwd(thread));
    }
    let fd = i32::try_from(dirfd).ok().and_then(|dirfd| c.state.fd(c.thread?, dirfd));
    fd.map(|fd| &*fd.name)
}
