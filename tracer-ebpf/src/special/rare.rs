//! Arguments whose meaning depends on another one: socket options, ptrace, prctl, keyctl, fsconfig.
//!
//! Source: the man page of each call; kernel include/uapi/linux/{ptrace,prctl,keyctl,mount}.h,
//! include/uapi/asm-generic/socket.h.

use tracer_common::plan::RET;

use super::{
    text,
    user::{empty, user_bytes, user_text},
};
use crate::{
    collect::arg,
    maps::config,
    read,
    record::{Record, TEXT_LEN, TooLong, opaque},
};

const NS: u64 = 1_000_000_000;

/// Whether the call succeeded.
#[inline(always)]
fn done(record: Record) -> bool {
    arg(record, RET) as i64 >= 0
}

/// A value of `WIDTH` bytes with the index of its type in front.
#[inline(always)]
fn typed<const WIDTH: usize>(record: Record, index: usize, of: u8, number: u64) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    // SAFETY: `room` gives more than nine bytes.
    unsafe {
        to.write(of);
        match WIDTH {
            1 => to.add(1).write(number as u8),
            4 => to.add(1).cast::<u32>().write_unaligned(number as u32),
            _ => to.add(1).cast::<u64>().write_unaligned(number),
        }
    }
    record.end_param(index, position, 1 + WIDTH);
    Ok(())
}

/// Text with the index of its type in front.
#[inline(always)]
fn typed_text(record: Record, index: usize, of: u8, address: u64) -> Result<(), TooLong> {
    let (to, position) = record.room()?;
    // SAFETY: `room` gives more than `MAX_PATH` bytes.
    unsafe {
        to.write(of);
        let len = read::user_text(to.add(1), tracer_common::wire::MAX_PATH, address as usize);
        record.end_param(index, position, if len == 0 { 0 } else { 1 + len });
    }
    Ok(())
}

const SOL_SOCKET: u64 = 1;
const SO_ERROR: u64 = 4;
const SO_RCVTIMEO: u64 = 20;
const SO_SNDTIMEO: u64 = 21;
const SO_COOKIE: u64 = 57;

/// The options of `SOL_SOCKET` whose value is an `int`, as bits of their numbers: debug 1, reuseaddr 2, type 3,
/// dontroute 5, broadcast 6, sndbuf 7, rcvbuf 8, keepalive 9, oobinline 10, no_check 11, priority 12, reuseport 15,
/// passcred 16, rcvlowat 18, sndlowat 19, timestamp 29, acceptconn 30, sndbufforce 32, rcvbufforce 33, passsec 34,
/// timestampns 35, mark 36, timestamping 37, protocol 38, domain 39, rxq_ovfl 40, wifi_status 41, peek_off 42, nofcs 43,
/// lock_filter 44, select_err_queue 45, busy_poll 46, max_pacing_rate 47, bpf_extensions 48, incoming_cpu 49,
/// incoming_napi_id 56, zerocopy 60.
const INTS: u64 = 0b111 << 1
    | 0b1111_1111 << 5
    | 1 << 15
    | 1 << 16
    | 1 << 18
    | 1 << 19
    | 1 << 29
    | 1 << 30
    | 0x3_ffff << 32
    | 1 << 56
    | 1 << 60;

/// A value of a socket option: the index of its type and the value, of which `width` bytes count.
#[inline(always)]
fn option_value(record: Record, of: u8, width: usize, number: u64) {
    let to = text::gathered(record);
    // SAFETY: there is room for more.
    unsafe {
        to.write(of);
        to.add(1).cast::<u64>().write_unaligned(number);
    }
    text::set_gathered_len(record, 1 + width);
}

/// Gathers the value of a socket option. Nothing when `getsockopt` failed.
#[inline(never)]
pub fn gather_socket_option(record: Record, behind_pointer: bool) {
    text::set_gathered_len(record, 0);
    if behind_pointer && !done(record) {
        return;
    }
    let (option, address) = (arg(record, 2), arg(record, 3) as usize);
    let len = if behind_pointer {
        u64::from(read::user(arg(record, 4) as usize).unwrap_or(0u32))
    } else {
        arg(record, 4) & 0xffff_ffff
    };
    let option = if arg(record, 1) & 0xffff_ffff == SOL_SOCKET { option & 0xffff_ffff } else { 0 };
    let number = read::user(address).unwrap_or(0u32);
    let is_time = option == SO_RCVTIMEO || option == SO_SNDTIMEO;
    if option == SO_ERROR && len >= 4 {
        option_value(record, 1, 8, i64::from(number as i32).wrapping_neg() as u64);
    } else if is_time && len >= 16 {
        let [seconds, micros] = read::user::<[u64; 2]>(address).unwrap_or([0; 2]);
        option_value(record, 4, 8, seconds.wrapping_mul(NS).wrapping_add(micros.wrapping_mul(1000)));
    } else if is_time && len == 8 {
        let [seconds, micros] = read::user::<[u32; 2]>(address).unwrap_or([0; 2]);
        option_value(record, 4, 8, u64::from(seconds) * NS + u64::from(micros) * 1000);
    } else if option == SO_COOKIE && len >= 8 {
        option_value(record, 3, 8, read::user(address).unwrap_or(0u64));
    } else if option < 64 && INTS & (1 << option) != 0 && len >= 4 {
        option_value(record, 2, 4, u64::from(number));
    } else {
        option_bytes(record, address, len);
    }
}

/// The value of any other option: its bytes, cut at snaplen.
#[inline(never)]
fn option_bytes(record: Record, address: usize, len: u64) {
    let snaplen = u64::from(config!(snaplen));
    let len = opaque(if len > snaplen { snaplen } else { len } as usize) & (TEXT_LEN / 2 - 1);
    let to = text::gathered(record);
    // SAFETY: there is room for as many bytes as the mask allows, and one.
    unsafe {
        to.write(0);
        if len != 0 && read::user_bytes(to.add(1), len, address) {
            text::set_gathered_len(record, 1 + len);
        }
    }
}

/// Argument `n` of ptrace: a number, what the call stored, or a signal.
#[inline(never)]
pub fn ptrace_arg(record: Record, index: usize, n: u8) -> Result<(), TooLong> {
    let value = arg(record, n);
    if n != 3 {
        return typed::<8>(record, index, 0, value);
    }
    match arg(record, 0) {
        // PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSR
        1..=3 => {
            let peeked = if done(record) { read::user(value as usize).unwrap_or(0u64) } else { 0 };
            typed::<8>(record, index, 0, peeked)
        }
        // PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH, PTRACE_SYSCALL
        7 | 9 | 17 | 24 => typed::<1>(record, index, 1, value),
        _ => typed::<8>(record, index, 0, value),
    }
}

/// Argument `n` of keyctl: a text where the operation takes one, else a number.
#[inline(never)]
pub fn key_arg(record: Record, index: usize, n: u8) -> Result<(), TooLong> {
    let value = arg(record, n);
    let is_text = match arg(record, 0) & 0xffff_ffff {
        // KEYCTL_JOIN_SESSION_KEYRING
        1 => n == 1,
        // KEYCTL_SEARCH, KEYCTL_RESTRICT_KEYRING
        10 | 29 => n == 2 || n == 3,
        // KEYCTL_PKEY_QUERY
        24 => n == 3,
        // KEYCTL_PKEY_ENCRYPT, KEYCTL_PKEY_DECRYPT, KEYCTL_PKEY_SIGN, KEYCTL_PKEY_VERIFY
        25..=28 => n == 2,
        _ => false,
    };
    if is_text { typed_text(record, index, 1, value) } else { typed::<8>(record, index, 0, value) }
}

/// `PR_SET_NAME` and `PR_GET_NAME`.
const PR_NAMES: [u64; 2] = [15, 16];
/// `PR_GET_CHILD_SUBREAPER`.
const PR_GET_CHILD_SUBREAPER: u64 = 37;

/// Argument 1 of prctl as a number.
#[inline(always)]
pub fn prctl_number(record: Record) -> u64 {
    let (option, value) = (arg(record, 0) & 0xffff_ffff, arg(record, 1));
    if option == PR_NAMES[0] || option == PR_NAMES[1] {
        return 0;
    }
    if option == PR_GET_CHILD_SUBREAPER {
        return i64::from(read::user(value as usize).unwrap_or(0i32)) as u64;
    }
    value
}

/// Argument 1 of prctl as text.
#[inline(always)]
pub fn prctl_text(record: Record, index: usize) -> Result<(), TooLong> {
    let option = arg(record, 0) & 0xffff_ffff;
    if option == PR_NAMES[0] || option == PR_NAMES[1] {
        user_text(record, index, arg(record, 1))
    } else {
        empty(record, index)
    }
}

/// `FSCONFIG_SET_STRING`, `FSCONFIG_SET_PATH` and `FSCONFIG_SET_PATH_EMPTY` have a text, `FSCONFIG_SET_BINARY` has bytes.
#[inline(always)]
pub fn fsconfig(record: Record, index: usize, text: bool) -> Result<(), TooLong> {
    let value = arg(record, 3);
    match arg(record, 1) & 0xffff_ffff {
        1 | 3 | 4 if text => user_text(record, index, value),
        2 if !text => user_bytes(record, index, value, i64::from(arg(record, 4) as i32)),
        _ => empty(record, index),
    }
}

/// `IORING_ENTER_EXT_ARG`: the argument is a `struct io_uring_getevents_arg`, which begins with the address of the set.
const EXT_ARG: u64 = 8;

/// The first 32 signals of the set that io_uring_enter is given.
#[inline(always)]
pub fn ring_signals(record: Record, n: u8) -> u64 {
    let at = arg(record, n) as usize;
    let at = if arg(record, 3) & EXT_ARG != 0 { read::user(at).unwrap_or(0usize) } else { at };
    u64::from(read::user(at).unwrap_or(0u32))
}
