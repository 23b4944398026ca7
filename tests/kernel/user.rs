//! Users, groups and capabilities. Each workload is root at its start.

use libc::{EFAULT, EINVAL, EPERM};
use tracer_common::events::user::{
    CAPSET, GETEGID, GETEUID, GETGID, GETRESGID, GETRESUID, GETUID, SETGID, SETREGID, SETRESGID, SETRESUID, SETREUID,
    SETUID,
};
use tracer_tests::{
    call::{NOWHERE, at, at_mut},
    check, sys,
};

use crate::{process::status, traced};

/// The id that stays as it is.
const KEEP: u32 = u32::MAX;

#[test]
fn setuid_and_setgid_give_up_all_ids() {
    let Some(run) = traced(|| {
        [
            sys!(SYS_setgid, 1201),
            sys!(SYS_setgid, KEEP),
            sys!(SYS_setuid, 1200),
            sys!(SYS_setuid, 0),
            sys!(SYS_setgid, 0),
        ]
    }) else {
        return;
    };
    check!(run, SETGID { res: 0, gid: 1201 });
    check!(run, SETGID { res: -EINVAL, gid: KEEP });
    check!(run, SETUID { res: 0, uid: 1200 });
    check!(run, SETUID { res: -EPERM, uid: 0 });
    check!(run, SETGID { res: -EPERM, gid: 0 });
}

#[test]
fn each_id_can_be_set_and_asked_for() {
    let Some(run) = traced(|| {
        let set_groups = sys!(SYS_setresgid, 1301, 1302, 1303);
        let set_users = sys!(SYS_setresuid, 1201, 1202, 0);
        let (mut groups, mut users) = ([0_u32; 3], [0_u32; 3]);
        let ask = |number, ids: &mut [u32; 3]| {
            let [real, effective, saved] = ids;
            tracer_tests::call::call(number, &[at_mut(real), at_mut(effective), at_mut(saved)])
        };
        let asked = [ask(libc::SYS_getresgid, &mut groups), ask(libc::SYS_getresuid, &mut users)];
        assert_eq!((groups, users), ([1301, 1302, 1303], [1201, 1202, 0]));
        let ids = [sys!(SYS_getuid), sys!(SYS_geteuid), sys!(SYS_getgid), sys!(SYS_getegid)];
        let refused = [sys!(SYS_setresuid, KEEP, 5, KEEP), sys!(SYS_setresgid, KEEP, KEEP, 6)];
        let unreadable = [sys!(SYS_getresuid, NOWHERE, 0, 0), sys!(SYS_getresgid, NOWHERE, 0, 0)];
        assert_eq!((asked, refused, unreadable), ([0; 2], [-i64::from(EPERM); 2], [-i64::from(EFAULT); 2]));
        [set_groups, set_users, ids[0], ids[1], ids[2], ids[3]]
    }) else {
        return;
    };
    assert_eq!(run.said, [0, 0, 1201, 1202, 1301, 1302]);
    check!(run, SETRESGID { res: 0, rgid: 1301, egid: 1302, sgid: 1303 });
    check!(run, SETRESUID { res: 0, ruid: 1201, euid: 1202, suid: 0 });
    check!(run, GETRESGID { res: 0, rgid: 1301, egid: 1302, sgid: 1303 });
    check!(run, GETRESUID { res: 0, ruid: 1201, euid: 1202, suid: 0 });
    check!(run, GETUID { uid: 1201 });
    check!(run, GETEUID { euid: 1202 });
    check!(run, GETGID { gid: 1301 });
    check!(run, GETEGID { egid: 1302 });
    check!(run, SETRESUID { res: -EPERM, ruid: KEEP, euid: 5, suid: KEEP });
    check!(run, SETRESGID { res: -EPERM, rgid: KEEP, egid: KEEP, sgid: 6 });
    check!(run, GETRESUID { res: -EFAULT, ruid: 0, euid: 0, suid: 0 });
    check!(run, GETRESGID { res: -EFAULT, rgid: 0, egid: 0, sgid: 0 });
}

#[test]
fn setreuid_and_setregid_have_two_ids() {
    let Some(run) = traced(|| {
        [
            sys!(SYS_setregid, 1301, 1302),
            sys!(SYS_setreuid, KEEP, 1202),
            sys!(SYS_setreuid, 7, 8),
            sys!(SYS_setregid, 9, KEEP),
        ]
    }) else {
        return;
    };
    check!(run, SETREGID { res: 0, rgid: 1301, egid: 1302 });
    check!(run, SETREUID { res: 0, ruid: KEEP, euid: 1202 });
    check!(run, SETREUID { res: -EPERM, ruid: 7, euid: 8 });
    check!(run, SETREGID { res: -EPERM, rgid: 9, egid: KEEP });
}

#[test]
fn capset_says_what_the_thread_may_do_then() {
    // Version 3 for the own thread; effective, permitted and inheritable, low halves first.
    let header = [0x2008_0522_u32, 0];
    let Some(run) = traced(|| {
        let mut sets = [[0_u32; 3]; 2];
        assert_eq!(sys!(SYS_capget, at(&header), at_mut(&mut sets)), 0);
        // Without CAP_KILL, and CAP_CHOWN for programs that are run.
        sets[0][0] &= !(1 << 5);
        sets[0][1] &= !(1 << 5);
        sets[0][2] |= 1;
        let result = sys!(SYS_capset, at(&header), at(&sets));
        let after = ["CapInh", "CapPrm", "CapEff"].map(|set| status(set, 16));
        sets[0][1] |= 1 << 5;
        let [a, b, c] = after;
        [result, a, b, c, sys!(SYS_capset, at(&header), at(&sets)), sys!(SYS_capset, NOWHERE, at(&sets))]
    }) else {
        return;
    };
    let [_, inheritable, permitted, effective, ..] = run.said;
    assert_eq!((inheritable, permitted & 1 << 5, effective & 1 << 5), (1, 0, 0));
    for res in [0, -EPERM, -EFAULT] {
        check!(
            run,
            CAPSET { res: res, cap_inheritable: inheritable, cap_permitted: permitted, cap_effective: effective }
        );
    }
}
