//! What takes many reads is gathered into the scratch before the parameters are collected.

use tracer_common::{
    plan::{NONE, Plan, PlanParam, RET, op},
    wire::MAX_PARAMS,
};

use crate::{
    collect::{Call, arg},
    read,
    record::{Record, opaque},
    special::{file, iovec, opened, poll, rare, sockaddr, text},
    task,
};

/// Gathers what takes many reads, before the parameters: it is then in the program once, not once for each parameter. What the
/// plan does not have is not asked, since each question is a call.
#[inline(always)]
pub fn of_call(record: Record, call: Call) {
    let plan = call.plan;
    // SAFETY: a live map value.
    let (iovec_at, tuple, address_at, file_at) =
        unsafe { ((*plan).iovec, (*plan).tuple, (*plan).address, (*plan).file) };
    if iovec_at != NONE {
        iovec_of(record, plan);
    }
    if tuple != NONE {
        tuple_of(record, plan);
    }
    if address_at != NONE {
        address(record, plan);
    }
    if file_at != NONE {
        file_of(record, plan);
    }
    // SAFETY: as above.
    if unsafe { (*plan).path } != NONE {
        opened::gather(record.scratch, file::found(record));
    }
}

/// A parameter of the plan, by an index that may be [`NONE`].
#[inline(always)]
fn named(plan: *const Plan, index: u8) -> Option<PlanParam> {
    if index == NONE {
        return None;
    }
    let index = opaque(usize::from(index)) & (MAX_PARAMS - 1);
    // SAFETY: a live map value; the index is below `MAX_PARAMS`.
    Some(unsafe { (*plan).params[index] })
}

#[inline(never)]
fn iovec_of(record: Record, plan: *const Plan) {
    // SAFETY: a live map value.
    let Some(param) = named(plan, unsafe { (*plan).iovec }) else { return };
    if param.op == op::MsgBytes {
        iovec::locate_in_message(record, arg(record, param.a));
    } else {
        iovec::locate(record, arg(record, param.a), arg(record, param.b));
    }
    iovec::gather(record);
    let result = arg(record, RET) as i64;
    iovec::gather_data(record, if param.c == NONE && result <= 0 { i64::MAX } else { result });
}

#[inline(never)]
fn tuple_of(record: Record, plan: *const Plan) {
    // SAFETY: a live map value.
    let Some(param) = named(plan, unsafe { (*plan).tuple }) else { return };
    let peer = if param.c == NONE { 0 } else { arg(record, param.c) as usize };
    // The address of the peer is the first member of a message header.
    let peer = if param.d != 0 && peer != 0 { iovec::pointer(record, peer) } else { peer };
    sockaddr::gather_tuple(record, arg(record, param.a), param.b, peer);
}

#[inline(never)]
pub fn address(record: Record, plan: *const Plan) {
    // SAFETY: a live map value.
    let Some(param) = named(plan, unsafe { (*plan).address }) else { return };
    sockaddr::gather_address(record, arg(record, param.a) as usize, arg(record, param.b));
}

/// What is behind the descriptor that the parameter names.
#[inline(never)]
fn file_of(record: Record, plan: *const Plan) {
    // SAFETY: a live map value.
    let Some(param) = named(plan, unsafe { (*plan).file }) else { return };
    let failed = (arg(record, RET) as i64) < 0;
    let place = arg(record, param.a);
    let user_fd = |at: usize| {
        let fd: i32 = if failed { -1 } else { read::user(place as usize + at).unwrap_or(-1) };
        i64::from(fd) as u64
    };
    match param.op {
        op::Vm => file::set_gathered(record, task::memory()),
        op::Fds => poll::gather(record, place, arg(record, param.b)),
        op::QueuePercent | op::QueueLen | op::QueueMax => sockaddr::gather_queue(record, place),
        op::UserSockAddress => sockaddr::gather_pair(record, user_fd(0), user_fd(4)),
        op::UserFdIno => file::gather(record, user_fd(0)),
        _ => file::gather(record, place),
    }
}

/// The same of a row for rare calls.
#[inline(never)]
pub fn of_rare_call(record: Record, plan: *const Plan) {
    // SAFETY: a live map value.
    if let Some(param) = named(plan, unsafe { (*plan).path }) {
        let place = arg(record, param.a);
        if param.op == op::CwdPath {
            text::gather_cwd(record, (place as i64) >= 0);
        } else {
            text::gather_file_path(record, place);
        }
    }
    // SAFETY: as above.
    let Some(param) = named(plan, unsafe { (*plan).file }) else { return };
    if param.op == op::SockOpt {
        rare::gather_socket_option(record, param.a != 0);
    } else {
        file::gather(record, arg(record, param.a));
    }
}
