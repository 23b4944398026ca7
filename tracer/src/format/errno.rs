//! Names of errors. Source: errno(3); the last ones are the kernel's own, include/linux/errno.h.

macro_rules! errors {
    ($($name:ident)+) => {
        &[$((libc::$name, stringify!($name)),)+]
    };
}

/// Number and name; of two names of a number, the first one is shown.
static ERRORS: &[(i32, &str)] = errors! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
    ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
    ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
    EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT
    ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC
    EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
    EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET
    ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS
    ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED
    EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
};

static KERNEL_ERRORS: &[(i32, &str)] = &[
    (512, "ERESTARTSYS"),
    (513, "ERESTARTNOINTR"),
    (514, "ERESTARTNOHAND"),
    (515, "ENOIOCTLCMD"),
    (516, "ERESTART_RESTARTBLOCK"),
    (517, "EPROBE_DEFER"),
    (518, "EOPENSTALE"),
    (519, "ENOPARAM"),
    (521, "EBADHANDLE"),
    (522, "ENOTSYNC"),
    (523, "EBADCOOKIE"),
    (524, "ENOTSUPP"),
    (525, "ETOOSMALL"),
    (526, "ESERVERFAULT"),
    (527, "EBADTYPE"),
    (528, "EJUKEBOX"),
    (529, "EIOCBQUEUED"),
];

/// The name of a result below zero; `None` for one that has none.
#[must_use]
pub fn name(result: i64) -> Option<&'static str> {
    let number = i32::try_from(result.checked_neg()?).ok()?;
    ERRORS.iter().chain(KERNEL_ERRORS).find(|(error, _)| *error == number).map(|(_, name)| *name)
}

/// The words of the C library for a result below zero.
#[must_use]
pub fn text(result: i64) -> String {
    let number = result.checked_neg().and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
    let text = std::io::Error::from_raw_os_error(number).to_string();
    // The standard library adds the number.
    text.rsplit_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// The number of an error, above zero.
#[must_use]
pub fn number(name: &str) -> Option<i64> {
    ERRORS.iter().chain(KERNEL_ERRORS).find(|(_, known)| *known == name).map(|(number, _)| i64::from(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names_and_successes_do_not() {
        assert_eq!(name(-2), Some("ENOENT"));
        assert_eq!(name(-11), Some("EAGAIN"));
        assert_eq!(name(-512), Some("ERESTARTSYS"));
        assert_eq!(name(0), None);
        assert_eq!(name(i64::MIN), None);
        assert_eq!((text(-9), text(-2)), ("Bad file descriptor".into(), "No such file or directory".into()));
    }
}
