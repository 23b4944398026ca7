//! What the kernel runs or keeps for programs: bpf, modules, io_uring, keys, quotas.

use std::ffi::CStr;

use libc::{EBADF, EFAULT, EINVAL, ENOTBLK, EOPNOTSUPP};
use tracer_common::events::kernel::{
    BPF, DELETE_MODULE, FINIT_MODULE, INIT_MODULE, IO_URING_ENTER, IO_URING_REGISTER, IO_URING_SETUP, KEYCTL, QUOTACTL,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check,
    check::{Is, flags, missing},
    sys,
};

use crate::{io::TEXT, traced};

#[test]
fn bpf_has_its_command() {
    // union bpf_attr: an array with keys and values of 4 bytes and one entry.
    let array = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let no_map = [u64::from(u32::MAX), 0, 0, 0];
    let Some(run) = traced(|| {
        [
            sys!(SYS_bpf, 0, at(&array), size_of_val(&array)),
            sys!(SYS_bpf, 1, at(&no_map), size_of_val(&no_map)),
            sys!(SYS_bpf, 10, NOWHERE, 48),
            sys!(SYS_bpf, 999, at(&array), size_of_val(&array)),
        ]
    }) else {
        return;
    };
    assert!(run.said[0] >= 0, "root may make a map: {}", run.said[0]);
    check!(run, BPF { fd: run.said[0], cmd: flags("BPF_MAP_CREATE") });
    check!(run, BPF { fd: -EBADF, cmd: flags("BPF_MAP_LOOKUP_ELEM") });
    check!(run, BPF { fd: -EFAULT, cmd: flags("BPF_PROG_TEST_RUN|BPF_PROG_RUN") });
    check!(run, BPF { fd: -EINVAL, cmd: 999 });
}

#[test]
fn modules_have_their_image_and_parameters() {
    let Some(run) = traced(|| {
        let fd = sys!(SYS_open, c"/dev/null", 0, 0);
        // In memory that was just written to: a kernel without modules does not look there, and only what is mapped is seen.
        let [uargs, file_uargs, name] = [c"level=3 name=x", c"level=4", c"no such module"].map(CStr::to_owned);
        let image = TEXT.to_vec();
        [
            fd,
            sys!(SYS_init_module, at(&image[..]), image.len(), &*uargs),
            sys!(SYS_init_module, NOWHERE, 9, NOWHERE),
            sys!(SYS_finit_module, fd, &*file_uargs, 1 | 2 | 4),
            sys!(SYS_finit_module, -1, NOWHERE, 0),
            sys!(SYS_delete_module, &*name, libc::O_NONBLOCK | libc::O_TRUNC),
            sys!(SYS_delete_module, NOWHERE, 0),
        ]
    }) else {
        return;
    };
    // Which error it is depends on what the kernel allows: modules at all, unsigned ones, root.
    let [fd, image, no_image, file, no_file, absent, no_name] = run.said;
    assert!(run.said[1..].iter().all(|result| *result < 0), "{:?}", run.said);
    check!(run, INIT_MODULE { res: image, img: &TEXT[..80], length: 200, uargs: "level=3 name=x" });
    check!(run, INIT_MODULE { res: no_image, img: missing(), length: 9, uargs: missing() });
    let all = flags("MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC|MODULE_INIT_COMPRESSED_FILE");
    check!(run, FINIT_MODULE { res: file, fd: fd, uargs: "level=4", flags: all });
    check!(run, FINIT_MODULE { res: no_file, fd: -1, uargs: missing(), flags: flags("") });
    check!(run, DELETE_MODULE { res: absent, name: "no such module", flags: flags("O_NONBLOCK|O_TRUNC") });
    check!(run, DELETE_MODULE { res: no_name, name: missing(), flags: flags("") });
}

/// `IORING_SETUP_CQSIZE`, `IORING_SETUP_CLAMP`.
const CQSIZE_CLAMP: u32 = 8 | 16;

#[test]
fn io_uring_setup_has_what_the_kernel_answers() {
    // struct io_uring_params.
    let mut params = [0_u32; 30];
    (params[1], params[2], params[4]) = (32, CQSIZE_CLAMP, 55);
    let wrong = params;
    let Some(run) = traced(|| {
        let fd = sys!(SYS_io_uring_setup, 4, at_mut(&mut params));
        let features = i64::from(params[5]);
        [fd, features, sys!(SYS_io_uring_setup, 0, at(&wrong)), sys!(SYS_io_uring_setup, 4, NOWHERE)]
    }) else {
        return;
    };
    let [fd, features, ..] = run.said;
    assert!(fd >= 0, "this kernel has no io_uring, or it is switched off (kernel.io_uring_disabled): {fd}");
    // The names end with IORING_FEAT_RSRC_TAGS.
    let named = features & 0x7ff;
    let asked = || flags("IORING_SETUP_CQSIZE|IORING_SETUP_CLAMP");
    check!(
        run,
        IO_URING_SETUP {
            res: fd,
            entries: 4,
            sq_entries: 4,
            cq_entries: 32,
            flags: asked(),
            sq_thread_cpu: 0,
            sq_thread_idle: 55,
            features: named
        }
    );
    check!(
        run,
        IO_URING_SETUP {
            res: -EINVAL,
            entries: 0,
            sq_entries: 0,
            cq_entries: 32,
            flags: asked(),
            sq_thread_cpu: 0,
            sq_thread_idle: 55,
            features: 0
        }
    );
    check!(
        run,
        IO_URING_SETUP {
            res: -EFAULT,
            entries: 4,
            sq_entries: 0,
            cq_entries: 0,
            flags: flags(""),
            sq_thread_cpu: 0,
            sq_thread_idle: 0,
            features: 0
        }
    );
}

#[test]
fn io_uring_is_entered_and_told() {
    let mut params = [0_u32; 30];
    let blocked = 1_u64 << (libc::SIGUSR1 - 1) | 1 << 50;
    let Some(run) = traced(|| {
        let fd = sys!(SYS_io_uring_setup, 4, at_mut(&mut params));
        let mut event = sys!(SYS_eventfd2, 0, 0) as i32;
        [
            fd,
            at(&event) as i64,
            sys!(SYS_io_uring_enter, fd, 0, 0, 1, at(&blocked), 8),
            sys!(SYS_io_uring_enter, -1, 3, 2, 2 | 4, 0, 0),
            sys!(SYS_io_uring_register, fd, 4, at_mut(&mut event), 1),
            sys!(SYS_io_uring_register, fd, 5, 0, 0),
            sys!(SYS_io_uring_register, fd, 999, NOWHERE, 7),
        ]
    }) else {
        return;
    };
    let [fd, event, ..] = run.said;
    assert!(fd >= 0, "this kernel has no io_uring, or it is switched off (kernel.io_uring_disabled): {fd}");
    let signal = 1 << (libc::SIGUSR1 - 1);
    check!(
        run,
        IO_URING_ENTER {
            res: 0,
            fd: fd,
            to_submit: 0,
            min_complete: 0,
            flags: flags("IORING_ENTER_GETEVENTS"),
            sig: signal
        }
    );
    let both = flags("IORING_ENTER_SQ_WAKEUP|IORING_ENTER_SQ_WAIT");
    check!(run, IO_URING_ENTER { res: -EBADF, fd: -1, to_submit: 3, min_complete: 2, flags: both, sig: 0 });
    let register = flags("IORING_REGISTER_EVENTFD");
    check!(run, IO_URING_REGISTER { res: 0, fd: fd, opcode: register, arg: event, nr_args: 1 });
    let unregister = flags("IORING_UNREGISTER_EVENTFD");
    check!(run, IO_URING_REGISTER { res: 0, fd: fd, opcode: unregister, arg: 0, nr_args: 0 });
    check!(run, IO_URING_REGISTER { res: -EINVAL, fd: fd, opcode: 999, arg: NOWHERE, nr_args: 7 });
}

/// `KEY_SPEC_SESSION_KEYRING`.
const SESSION: i32 = -3;

#[test]
fn keyctl_has_texts_where_the_operation_takes_them() {
    let Some(run) = traced(|| {
        [
            sys!(SYS_keyctl, 1, c"tracer test", 5, 6, 7),
            sys!(SYS_keyctl, 0, SESSION, 1, -8, 9),
            sys!(SYS_keyctl, 10, SESSION, c"user", c"absent", 11),
            sys!(SYS_keyctl, 10, SESSION, NOWHERE, c"absent", 11),
            sys!(SYS_keyctl, 777, 1, 2, 3, 4),
        ]
    }) else {
        return;
    };
    let [joined, ring, absent, unreadable, unknown] = run.said;
    assert!(joined > 0 && ring == joined, "{joined}, {ring}");
    assert_eq!((absent, unreadable, unknown), ((-libc::ENOKEY).into(), (-EFAULT).into(), (-EOPNOTSUPP).into()));
    check!(
        run,
        KEYCTL {
            res: joined,
            operation: flags("KEYCTL_JOIN_SESSION_KEYRING"),
            arg2: "tracer test",
            arg3: 5,
            arg4: 6,
            arg5: 7
        }
    );
    check!(
        run,
        KEYCTL { res: ring, operation: flags("KEYCTL_GET_KEYRING_ID"), arg2: SESSION, arg3: 1, arg4: -8, arg5: 9 }
    );
    let search = || flags("KEYCTL_SEARCH");
    check!(run, KEYCTL { res: absent, operation: search(), arg2: SESSION, arg3: "user", arg4: "absent", arg5: 11 });
    check!(run, KEYCTL { res: -EFAULT, operation: search(), arg2: SESSION, arg3: missing(), arg4: "absent", arg5: 11 });
    check!(run, KEYCTL { res: -EOPNOTSUPP, operation: 777, arg2: 1, arg3: 2, arg4: 3, arg5: 4 });
}

/// The first argument of quotactl.
fn command(command: u32, of: u32) -> u32 {
    command << 8 | of
}

/// The parameters of quotactl that are numbers and zero, but for those that are given.
fn numbers(given: &[(&'static str, Is)]) -> Vec<(&'static str, Is)> {
    let limits = ["dqb_bhardlimit", "dqb_bsoftlimit", "dqb_curspace", "dqb_ihardlimit", "dqb_isoftlimit"];
    let times = ["dqb_btime", "dqb_itime", "dqi_bgrace", "dqi_igrace"];
    let rest = ["dqi_flags", "id"];
    let zero = limits.into_iter().chain(times).chain(rest).filter(|name| given.iter().all(|(given, _)| given != name));
    zero.map(|name| (name, 0.into())).chain(given.iter().cloned()).collect()
}

#[test]
fn quotactl_has_what_its_command_takes() {
    let (user, group) = (|| flags("USRQUOTA"), || flags("GRPQUOTA"));
    // struct if_dqblk: limits and use, the count of inodes, times, what is valid.
    let limits = [100_u64, 50, 4096, 10, 5, 3, 60, 70, 0x3f];
    // struct if_dqinfo: times, flags, what is valid.
    let info = [80_u64, 90, 7 << 32 | 1];
    let Some(run) = traced(|| {
        let call = |what: u32, id: u32, address: u64| sys!(SYS_quotactl, what, c"/dev/null", id, address);
        [
            sys!(SYS_quotactl, command(0x80_0001, 0), 0, 0, 0),
            sys!(SYS_quotactl, command(0x80_0002, 1), c"/dev/null", 4, c"/no/quota"),
            call(command(0x80_0008, 0), 77, at(&limits)),
            call(command(0x80_0007, 0), 78, at(&limits)),
            call(command(0x80_0006, 1), 79, at(&info)),
            call(command(0x80_0004, 1), 80, at(&info)),
            sys!(SYS_quotactl, command(0x5803, 0), NOWHERE, 81, 0),
            sys!(SYS_quotactl, command(0x99, 2), c"/no/device", 0, 0),
        ]
    }) else {
        return;
    };
    let not_block = -i64::from(ENOTBLK);
    assert_eq!(run.said[0], 0, "everything is synced");
    let no_format = || flags("QFMT_NOT_USED");
    check!(run, QUOTACTL {
        res: 0, special: missing(), quotafilepath: missing(), quota_fmt_out: no_format(), cmd: flags("Q_SYNC"),
        type: user(), quota_fmt: no_format()
    }, numbers(&[]));
    check!(run, QUOTACTL {
        res: not_block, special: "/dev/null", quotafilepath: "/no/quota", quota_fmt_out: no_format(),
        cmd: flags("Q_QUOTAON"), type: group(), quota_fmt: flags("QFMT_VFS_V1")
    }, numbers(&[]));
    let set: [(&str, Is); 8] = [
        ("dqb_bhardlimit", 100.into()),
        ("dqb_bsoftlimit", 50.into()),
        ("dqb_curspace", 4096.into()),
        ("dqb_ihardlimit", 10.into()),
        ("dqb_isoftlimit", 5.into()),
        ("dqb_btime", 60_000_000_000_i64.into()),
        ("dqb_itime", 70_000_000_000_i64.into()),
        ("id", 77.into()),
    ];
    check!(run, QUOTACTL {
        res: not_block, special: "/dev/null", quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags("Q_SETQUOTA"), type: user(), quota_fmt: no_format()
    }, numbers(&set));
    check!(run, QUOTACTL {
        res: not_block, special: "/dev/null", quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags("Q_GETQUOTA"), type: user(), quota_fmt: no_format()
    }, numbers(&[("id", 78.into())]));
    let set: [(&str, Is); 3] = [
        ("dqi_bgrace", 80_000_000_000_i64.into()),
        ("dqi_igrace", 90_000_000_000_i64.into()),
        ("dqi_flags", flags("V1_DQF_RSQUASH")),
    ];
    check!(run, QUOTACTL {
        res: not_block, special: "/dev/null", quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags("Q_SETINFO"), type: group(), quota_fmt: no_format()
    }, numbers(&set));
    check!(run, QUOTACTL {
        res: not_block, special: "/dev/null", quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags("Q_GETFMT"), type: group(), quota_fmt: no_format()
    }, numbers(&[]));
    check!(run, QUOTACTL {
        res: run.said[6], special: missing(), quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags("Q_XGETQUOTA"), type: user(), quota_fmt: no_format()
    }, numbers(&[]));
    check!(run, QUOTACTL {
        res: run.said[7], special: "/no/device", quotafilepath: missing(), quota_fmt_out: no_format(),
        cmd: flags(""), type: flags(""), quota_fmt: no_format()
    }, numbers(&[]));
}
