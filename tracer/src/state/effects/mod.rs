//! What events do to the state: one function for each transition, chosen by the effect of the row.
//!
//! [`before`] makes what the event itself is about (a new descriptor, a new program); [`after`] takes away what the event
//! still shows (a closed descriptor, an ended thread).

mod attr;
mod fd;
mod process;
mod socket;

use tracer_common::events::{Effect, code, old::code as old};

pub use process::{ended, of_row};
pub use socket::connection;

use super::State;
use crate::event::Event;

/// The process of an event of a capture file, which says only the thread.
#[must_use]
pub fn process_of(state: &State, event: &Event<'_>) -> u32 {
    let begins = event.row.effect == Effect::Exec || event.row.effect == Effect::Clone && event.result() == Some(0);
    let said = || event.row.param("pid").and_then(|(index, _)| u32::try_from(event.params.u64(index)?).ok());
    let said = if begins { said() } else { None };
    said.or_else(|| state.thread(event.tid).map(|thread| thread.pid)).unwrap_or(event.tid)
}

/// Applies creations. The event is shown after it.
pub fn before(state: &mut State, event: &Event<'_>) {
    process::know_thread(state, event);
    // What was counted changed nothing that anybody asks for.
    if event.group.is_some() {
        return;
    }
    match event.row.effect {
        Effect::Open => fd::open(state, event),
        Effect::Entry => fd::entry(state, event),
        Effect::Dup => fd::dup(state, event),
        Effect::Fcntl => fd::fcntl(state, event),
        Effect::Cloexec => fd::ioctl(state, event),
        Effect::Pipe => fd::pipe(state, event),
        Effect::AnonFd => fd::anonymous(state, event),
        Effect::Memfd => fd::memfd(state, event),
        Effect::Bpf => fd::bpf(state, event),
        Effect::PidfdGetfd => fd::pidfd_getfd(state, event),
        Effect::Socket => socket::socket(state, event),
        Effect::SocketPair => socket::pair(state, event),
        Effect::Bind => socket::bind(state, event),
        Effect::Listen => socket::listen(state, event),
        Effect::Connect => socket::connect(state, event),
        Effect::Accept => socket::accept(state, event),
        Effect::Transfer => socket::transfer(state, event),
        Effect::Chdir => process::chdir(state, event),
        Effect::Fchdir => process::fchdir(state, event),
        Effect::Cwd => {
            process::cwd(state, event);
        }
        Effect::Clone => process::clone(state, event),
        Effect::Exec => process::exec(state, event),
        Effect::Unshare => attr::unshare(state, event),
        Effect::SetUid => attr::set_uid(state, event),
        Effect::SetGid => attr::set_gid(state, event),
        Effect::SetSid => attr::set_sid(state, event),
        Effect::SetPgid => attr::set_pgid(state, event),
        Effect::Prctl => attr::prctl(state, event),
        Effect::Limit => attr::limit(state, event),
        Effect::CgroupMkdir => process::cgroup_mkdir(state, event),
        Effect::None | Effect::Close | Effect::CloseRange | Effect::ProcExit | Effect::CgroupRmdir => {}
    }
    state.told_container = None;
    fd::know_fd(state, event);
    match event.row.code {
        code::PROCINFO => process::cpu(state, event),
        code::SWITCH => process::switch(state, event),
        old::USER_ADDED_E => attr::user_added(state, event),
        old::GROUP_ADDED_E => attr::group_added(state, event),
        _ => {}
    }
}

/// Applies destructions. The event was shown before it.
pub fn after(state: &mut State, event: &Event<'_>) {
    if event.group.is_some() {
        return;
    }
    match event.row.effect {
        Effect::Close => fd::close(state, event),
        Effect::CloseRange => fd::close_range(state, event),
        Effect::ProcExit => process::exit(state, event),
        Effect::CgroupRmdir => process::cgroup_rmdir(state, event),
        _ => {}
    }
}
