//! Users, groups and capabilities of the caller. An id of all ones, -1, leaves that id as it is.

events! {
    /// Set the user id.
    /// Source: setuid(2); kernel kernel/sys.c.
    SETUID = 199 "setuid" User [MODIFIES_STATE] => SetUid {
        res: Errno = ret, "0, or -errno";
        uid: Uid = 0, "new effective user id; for a privileged caller also the real and saved ids";
    }

    /// Set the group id.
    /// Source: setgid(2); kernel kernel/sys.c.
    SETGID = 201 "setgid" User [MODIFIES_STATE] => SetGid {
        res: Errno = ret, "0, or -errno";
        gid: Gid = 0, "new effective group id; for a privileged caller also the real and saved ids";
    }

    /// Set the real, effective and saved user ids.
    /// Source: setresuid(2); kernel kernel/sys.c.
    SETRESUID = 193 "setresuid" User [MODIFIES_STATE] => SetUid {
        res: Errno = ret, "0, or -errno";
        ruid: Uid = 0, "real user";
        euid: Uid = 1, "effective user";
        suid: Uid = 2, "saved user";
    }

    /// Set the real, effective and saved group ids.
    /// Source: setresgid(2); kernel kernel/sys.c.
    SETRESGID = 195 "setresgid" User [MODIFIES_STATE] => SetGid {
        res: Errno = ret, "0, or -errno";
        rgid: Gid = 0, "real group";
        egid: Gid = 1, "effective group";
        sgid: Gid = 2, "saved group";
    }

    /// Set the real and effective user ids.
    /// Source: setreuid(2); kernel kernel/sys.c.
    SETREUID = 427 "setreuid" User [MODIFIES_STATE] => SetUid {
        res: Errno = ret, "0, or -errno";
        ruid: Uid = 0, "real user";
        euid: Uid = 1, "effective user";
    }

    /// Set the real and effective group ids. The format gives both the type of a user id.
    /// Source: setregid(2); kernel kernel/sys.c.
    SETREGID = 429 "setregid" User [MODIFIES_STATE] => SetGid {
        res: Errno = ret, "0, or -errno";
        rgid: Uid = 0, "real group";
        egid: Uid = 1, "effective group";
    }

    /// Get the real user id.
    /// Source: getuid(2); kernel kernel/sys.c.
    GETUID = 203 "getuid" User [] {
        uid: Uid = ret, "real user";
    }

    /// Get the effective user id.
    /// Source: geteuid(2); kernel kernel/sys.c.
    GETEUID = 205 "geteuid" User [] {
        euid: Uid = ret, "effective user";
    }

    /// Get the real group id.
    /// Source: getgid(2); kernel kernel/sys.c.
    GETGID = 207 "getgid" User [] {
        gid: Gid = ret, "real group";
    }

    /// Get the effective group id.
    /// Source: getegid(2); kernel kernel/sys.c.
    GETEGID = 209 "getegid" User [] {
        egid: Gid = ret, "effective group";
    }

    /// Get the real, effective and saved user ids.
    /// Source: getresuid(2); kernel kernel/sys.c.
    GETRESUID = 211 "getresuid" User [] {
        res: Errno = ret, "0, or -errno";
        ruid: Uid = user_u32(0, 0), "real user";
        euid: Uid = user_u32(1, 0), "effective user";
        suid: Uid = user_u32(2, 0), "saved user";
    }

    /// Get the real, effective and saved group ids.
    /// Source: getresgid(2); kernel kernel/sys.c.
    GETRESGID = 213 "getresgid" User [] {
        res: Errno = ret, "0, or -errno";
        rgid: Gid = user_u32(0, 0), "real group";
        egid: Gid = user_u32(1, 0), "effective group";
        sgid: Gid = user_u32(2, 0), "saved group";
    }

    /// Set the capabilities of the thread.
    /// Source: capset(2); kernel kernel/capability.c.
    CAPSET = 353 "capset" Process [MODIFIES_STATE] {
        res: Errno = ret, "0, or -errno";
        cap_inheritable: Hex64 = task(CapInheritable), "inheritable capabilities after the call";
        cap_permitted: Hex64 = task(CapPermitted), "permitted capabilities after the call";
        cap_effective: Hex64 = task(CapEffective), "effective capabilities after the call";
    }
}
