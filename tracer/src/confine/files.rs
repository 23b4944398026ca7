//! Files: Landlock. What is open stays open; nothing else can be opened, made or removed but what is named.
#![allow(unsafe_code, reason = "the crate does not say which version the kernel has before it is used")]

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, PathFdError, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope, make_bitflags,
};

use super::Paths;

/// The newest version that is asked for; a kernel with an older one does what it can.
const VERSION: ABI = ABI::V6;

/// What files are made with: also another one in the place of an old one.
fn making() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{MakeReg | WriteFile | Truncate | RemoveFile | ReadFile | ReadDir})
}

/// Restricts this thread, and those that it makes later; returns the version of the kernel.
///
/// # Errors
/// The kernel does not have it, and why.
pub(super) fn restrict(paths: &Paths) -> Result<i32, String> {
    let read = paths.read.iter().map(|path| (path, BitFlags::from(AccessFs::ReadFile)));
    let made = paths.folders.iter().map(|path| (path, making()));
    // What is not there cannot be opened later either; what cannot be named to the kernel would be forbidden.
    let there = read.chain(made).filter(|(path, _)| path.exists());
    let rules = there.map(|(path, access)| Ok(PathBeneath::new(PathFd::new(path)?, access)));
    let rules = rules.collect::<Result<Vec<_>, PathFdError>>().map_err(|error| error.to_string())?;
    let rules = rules.into_iter().map(Ok::<_, RulesetError>);
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(VERSION)))
        .and_then(|rules| rules.scope(Scope::from_all(VERSION)))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(|error| error.to_string())?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => Ok(kernel_abi.unwrap_or(effective_abi as i32)),
        LandlockStatus::NotEnabled => Err("disabled in this kernel (see lsm= on its command line)".to_owned()),
        LandlockStatus::NotImplemented => Err("not supported by this kernel (CONFIG_SECURITY_LANDLOCK, since \
            5.13)"
            .to_owned()),
    }
}

/// The version that the kernel has.
///
/// # Errors
/// It has none, and why.
pub fn offered() -> Result<i64, String> {
    const VERSION_ONLY: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no pointer and makes nothing. Source: linux/landlock.h.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION_ONLY) };
    if version > 0 { Ok(version) } else { Err(std::io::Error::last_os_error().to_string()) }
}
