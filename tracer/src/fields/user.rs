//! `user.*` and `group.*`, from the host's files.

use super::{Context, InKernel, Needs, Value, fields, proc::thread};
use crate::state::user::User;

const NO_ID: u32 = u32::MAX;

fn uid(c: &Context<'_>) -> Option<u32> {
    // Of a stranger, too: a record may have told it.
    Some(c.thread?.uid).filter(|uid| *uid != NO_ID)
}

fn user<'a>(c: &Context<'a>) -> Option<&'a User> {
    c.state.users.user(uid(c)?)
}

/// What stands for the user in a table: the name, or the number of one without a name.
pub(crate) fn shown(c: &Context<'_>) -> Option<Vec<u8>> {
    let uid = uid(c)?;
    Some(c.state.users.user(uid).map_or_else(|| uid.to_string(), |user| user.name.clone()).into_bytes())
}

fn gid(c: &Context<'_>) -> Option<u32> {
    Some(c.thread?.gid).filter(|gid| *gid != NO_ID)
}

fields! { USER needs THREADS;
    "user.uid": Int [in_kernel(InKernel::Uid) needs(Needs::WHO)] => |c, _| uid(c).into(), "user id";
    "user.name": Text [in_kernel(InKernel::UserName) needs(Needs::WHO)] => |c, _| user(c).map(|user| user.name.as_str()).into(), "user name from the host's /etc/passwd, even in a container that has its own users";
    "user.homedir": Text => |c, _| user(c).map(|user| user.home.as_str()).into(), "home directory of the user";
    "user.shell": Text => |c, _| user(c).map(|user| user.shell.as_str()).into(), "login shell of the user";
    "user.loginuid": Int => |c, _| thread(c).map(|thread| match thread.loginuid {
        NO_ID => -1,
        uid => i64::from(uid),
    }).into(), "user id of the login, from the audit system; -1 if unset";
    "user.loginname": Text => |c, _| match thread(c) {
        Some(thread) if thread.loginuid != NO_ID => {
            c.state.users.user(thread.loginuid).map(|user| user.name.as_str()).into()
        }
        _ => Value::Missing,
    }, "name of the login user";
}

fields! { GROUP needs THREADS;
    "group.gid": Int [in_kernel(InKernel::Gid) needs(Needs::WHO)] => |c, _| gid(c).into(), "group id";
    "group.name": Text => |c, _| gid(c).and_then(|gid| c.state.users.group(gid)).into(), "group name from the host's /etc/group, even in a container that has its own groups";
}
