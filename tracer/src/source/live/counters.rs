//! What the kernel side counted, and what the kernel counted about it.
#![allow(unsafe_code, reason = "aya has no getter for the count of skipped runs: it is asked for with bpf(2)")]

use std::{
    mem,
    os::fd::{AsFd, AsRawFd},
};

use aya::{Ebpf, maps::PerCpuArray, programs::ProgramFd};
use aya_obj::generated::bpf_prog_info;
use tracer_common::counters::Counters;

/// `BPF_OBJ_GET_INFO_BY_FD`.
const GET_INFO_BY_FD: libc::c_int = 15;

/// The part of `union bpf_attr` for that command. Source: kernel include/uapi/linux/bpf.h.
#[repr(C, align(8))]
struct InfoAttr {
    fd: u32,
    len: u32,
    info: u64,
    rest: [u64; 14],
}

/// What the kernel says of a program.
fn info(program: &ProgramFd) -> Option<bpf_prog_info> {
    // SAFETY: a struct of numbers; zero is a value of each.
    let mut info: bpf_prog_info = unsafe { mem::zeroed() };
    let attr = InfoAttr {
        fd: program.as_fd().as_raw_fd().try_into().ok()?,
        len: mem::size_of::<bpf_prog_info>() as u32,
        info: (&raw mut info) as u64,
        rest: [0; 14],
    };
    // SAFETY: the attribute is longer than the kernel reads for this command, and the rest of it is zero; the kernel
    // writes at most `len` bytes to `info`.
    let result = unsafe { libc::syscall(libc::SYS_bpf, GET_INFO_BY_FD, &raw const attr, mem::size_of::<InfoAttr>()) };
    (result == 0).then_some(info)
}

/// How often the program was skipped, since it interrupted itself. First kernel 5.12.
#[must_use]
pub fn recursion_misses(program: &ProgramFd) -> Option<u64> {
    info(program).map(|info| info.recursion_misses)
}

/// Instructions that the verifier went through. First kernel 5.16.
#[must_use]
pub fn verified_instructions(program: &ProgramFd) -> Option<u32> {
    info(program).map(|info| info.verified_insns)
}

/// The counters of each CPU.
#[must_use]
pub fn per_cpu(bpf: &Ebpf) -> Vec<Counters> {
    bpf.map("COUNTERS")
        .and_then(|map| PerCpuArray::<_, Counters>::try_from(map).ok())
        .and_then(|counters| counters.get(&0, 0).ok())
        .map(|values| values.iter().copied().collect())
        .unwrap_or_default()
}
