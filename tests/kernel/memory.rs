//! Memory of a process.

use libc::{EBADF, EINVAL, ENOMEM, O_RDONLY, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE};
use libc::{MAP_ANONYMOUS, MAP_FIXED, MAP_NORESERVE, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED};
use tracer_common::events::memory::{BRK, MLOCK, MLOCK2, MLOCKALL, MMAP, MPROTECT, MUNLOCK, MUNLOCKALL, MUNMAP};
use tracer_tests::{
    call::at_mut,
    check,
    check::{Is, flags},
    scratch::Scratch,
    sys,
};

use crate::traced;

/// Large enough to be seen among what the process has anyway.
const LARGE: u64 = 16 << 20;
const LARGE_KB: i64 = (LARGE / 1024) as i64;
/// What the counters of resident memory may differ, kB: each processor keeps some pages to itself.
const RSS_SLACK_KB: i64 = 4096;

/// Size, resident and swapped memory of this process, kB. Without memory of its own.
fn memory() -> [i64; 3] {
    let mut text = [0_u8; 4096];
    let fd = sys!(SYS_open, c"/proc/self/status", O_RDONLY, 0);
    let len = sys!(SYS_read, fd, at_mut(&mut text), 4096);
    let _ = sys!(SYS_close, fd);
    let text = std::str::from_utf8(&text[..usize::try_from(len).unwrap()]).unwrap();
    ["VmSize:", "VmRSS:", "VmSwap:"].map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    })
}

/// The size is exact. The other counters are near what they are said to be.
fn vm([size, rss, swap]: [i64; 3]) -> [(&'static str, Is); 3] {
    let rss = ("vm_rss", Is::from((rss - RSS_SLACK_KB).max(0)..=rss + RSS_SLACK_KB));
    [("vm_size", size.into()), rss, ("vm_swap", Is::from(0..=swap + RSS_SLACK_KB))]
}

#[test]
fn mmap_and_munmap_have_the_memory_after_the_call() {
    let Some(run) = traced(|| {
        let [size, rss, _] = memory();
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
        let mapped = sys!(SYS_mmap, 0, LARGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        let [size_mapped, rss_mapped, swap_mapped] = memory();
        let unmapped = sys!(SYS_munmap, mapped, LARGE);
        let [size_after, rss_after, swap_after] = memory();
        let refused = sys!(SYS_munmap, 1, 4096);
        assert_eq!((unmapped, refused), (0, (-EINVAL).into()));
        [mapped, size, rss, size_mapped, rss_mapped, swap_mapped, size_after, rss_after, swap_after]
    }) else {
        return;
    };
    let [mapped, size, rss, size_mapped, rss_mapped, swap_mapped, size_after, rss_after, swap_after] = run.said;
    assert_eq!(size_mapped - size, LARGE_KB);
    assert!(rss_mapped - rss > LARGE_KB - RSS_SLACK_KB);
    let call = [
        ("addr", 0.into()),
        ("length", LARGE.into()),
        ("prot", flags("PROT_READ|PROT_WRITE")),
        ("flags", flags("MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE")),
    ];
    let after = [&call[..], &vm([size_mapped, rss_mapped, swap_mapped])].concat();
    check!(run, MMAP { res: mapped, fd: -1, offset: 0 }, after);
    let after = vm([size_after, rss_after, swap_after]);
    check!(run, MUNMAP { res: 0, addr: mapped, length: LARGE }, after);
    check!(run, MUNMAP { res: -EINVAL, addr: 1, length: 4096 }, after);
}

#[test]
fn mmap_has_a_file_and_an_offset() {
    let scratch = Scratch::new();
    let path = scratch.file("file", &[7; 8192]);
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, &*path, O_RDONLY, 0);
        let shared = sys!(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 4096);
        let fixed = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
        let private = sys!(SYS_mmap, shared, 100, PROT_NONE, fixed, fd, 0);
        let no_file = sys!(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, 999, 0);
        let no_length = sys!(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        let [size, rss, swap] = memory();
        [fd, shared, private, no_file, no_length, size, rss, swap]
    }) else {
        return;
    };
    let [fd, address, private, no_file, no_length, size, rss, swap] = run.said;
    assert_eq!((private, no_file, no_length), (address, (-EBADF).into(), (-EINVAL).into()));
    let vm = || vm([size, rss, swap]);
    let (prot, shared) = (flags("PROT_READ|PROT_EXEC"), flags("MAP_SHARED"));
    check!(
        run,
        MMAP { res: address, addr: 0, length: 4096, prot: prot, flags: shared.clone(), fd: fd, offset: 4096 },
        vm()
    );
    let (prot, fixed) = (flags("PROT_NONE"), flags("MAP_PRIVATE|MAP_FIXED|MAP_NORESERVE"));
    check!(run, MMAP { res: address, addr: address, length: 100, prot: prot, flags: fixed, fd: fd, offset: 0 }, vm());
    let read = || flags("PROT_READ");
    check!(run, MMAP { res: -EBADF, addr: 0, length: 4096, prot: read(), flags: shared, fd: 999, offset: 0 }, vm());
    let anonymous = flags("MAP_PRIVATE|MAP_ANONYMOUS");
    check!(run, MMAP { res: -EINVAL, addr: 0, length: 0, prot: read(), flags: anonymous, fd: -1, offset: 0 }, vm());
}

#[test]
fn brk_has_the_end_and_the_memory_after_the_call() {
    let Some(run) = traced(|| {
        let end = sys!(SYS_brk, 0);
        let [size, rss, swap] = memory();
        let grown = sys!(SYS_brk, end + (1 << 20));
        let [size_grown, rss_grown, swap_grown] = memory();
        let refused = sys!(SYS_brk, 4096);
        [end, size, rss, swap, grown, size_grown, rss_grown, swap_grown, refused, sys!(SYS_brk, end)]
    }) else {
        return;
    };
    let [end, size, rss, swap, grown, size_grown, rss_grown, swap_grown, refused, back] = run.said;
    assert_eq!((grown, refused, back, size_grown - size), (end + (1 << 20), grown, end, 1024));
    check!(run, BRK { res: end, addr: 0 }, vm([size, rss, swap]));
    let after = vm([size_grown, rss_grown, swap_grown]);
    check!(run, BRK { res: grown, addr: grown }, after);
    check!(run, BRK { res: grown, addr: 4096 }, after);
    check!(run, BRK { res: end, addr: end }, vm([size, rss, swap]));
}

#[test]
fn mprotect_names_what_may_be_done() {
    let Some(run) = traced(|| {
        let memory = sys!(SYS_mmap, 0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        [
            memory,
            sys!(SYS_mprotect, memory, 4096, PROT_READ | PROT_WRITE),
            sys!(SYS_mprotect, memory, 8192, PROT_NONE),
            sys!(SYS_mprotect, memory + 1, 4096, PROT_EXEC),
            sys!(SYS_mprotect, 0, 4096, libc::PROT_GROWSDOWN | PROT_READ),
        ]
    }) else {
        return;
    };
    let memory = run.said[0];
    check!(run, MPROTECT { res: 0, addr: memory, length: 4096, prot: flags("PROT_READ|PROT_WRITE") });
    check!(run, MPROTECT { res: 0, addr: memory, length: 8192, prot: flags("PROT_NONE") });
    check!(run, MPROTECT { res: -EINVAL, addr: memory + 1, length: 4096, prot: flags("PROT_EXEC") });
    let down = flags("PROT_READ|PROT_GROWSDOWN");
    check!(run, MPROTECT { res: run.said[4], addr: 0, length: 4096, prot: down });
}

#[test]
fn mlock_and_its_relatives_have_a_range() {
    let Some(run) = traced(|| {
        let memory = sys!(SYS_mmap, 0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        [
            memory,
            sys!(SYS_mlock, memory, 4096),
            sys!(SYS_mlock, 4096, 100),
            sys!(SYS_mlock2, memory, 8192, libc::MLOCK_ONFAULT),
            sys!(SYS_mlock2, memory, 8192, 2),
            sys!(SYS_munlock, memory, 8192),
            sys!(SYS_munlock, 4096, 100),
        ]
    }) else {
        return;
    };
    let memory = run.said[0];
    check!(run, MLOCK { res: 0, addr: memory, len: 4096 });
    check!(run, MLOCK { res: -ENOMEM, addr: 4096, len: 100 });
    check!(run, MLOCK2 { res: 0, addr: memory, len: 8192, flags: flags("MLOCK_ONFAULT") });
    check!(run, MLOCK2 { res: -EINVAL, addr: memory, len: 8192, flags: flags("") });
    check!(run, MUNLOCK { res: 0, addr: memory, len: 8192 });
    check!(run, MUNLOCK { res: -ENOMEM, addr: 4096, len: 100 });
}

#[test]
fn mlockall_has_flags_and_munlockall_has_nothing() {
    use libc::{MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT};
    let Some(run) = traced(|| {
        [sys!(SYS_mlockall, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT), sys!(SYS_munlockall), sys!(SYS_mlockall, 0)]
    }) else {
        return;
    };
    check!(run, MLOCKALL { res: 0, flags: flags("MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT") });
    check!(run, MUNLOCKALL { res: 0 });
    check!(run, MLOCKALL { res: -EINVAL, flags: flags("") });
}
