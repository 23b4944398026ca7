//! Users and groups, as older captures have them.

old_events! {
    QUOTACTL_E = 190 "quotactl" User [ENTER] {
        cmd: Flags16(QUOTA_COMMANDS); type: Flags8(QUOTA_TYPES); id: U32; quota_fmt: Flags8(QUOTA_FORMATS);
    }
    SETRESUID_E = 192 "setresuid" User [MODIFIES_STATE | ENTER] { ruid: Uid; euid: Uid; suid: Uid; }
    SETRESGID_E = 194 "setresgid" User [MODIFIES_STATE | ENTER] { rgid: Gid; egid: Gid; sgid: Gid; }
    SETUID_E = 198 "setuid" User [MODIFIES_STATE | ENTER] { uid: Uid; }
    SETGID_E = 200 "setgid" User [MODIFIES_STATE | ENTER] { gid: Gid; }
    GETUID_E = 202 "getuid" User [ENTER] {}
    GETEUID_E = 204 "geteuid" User [ENTER] {}
    GETGID_E = 206 "getgid" User [ENTER] {}
    GETEGID_E = 208 "getegid" User [ENTER] {}
    GETRESUID_E = 210 "getresuid" User [ENTER] {}
    GETRESGID_E = 212 "getresgid" User [ENTER] {}
    SETREUID_E = 426 "setreuid" User [MODIFIES_STATE | ENTER] {}
    SETREGID_E = 428 "setregid" User [ENTER] {}
}
