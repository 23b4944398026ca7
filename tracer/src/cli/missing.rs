//! What to do when the machine, or a limit, does not give what is needed.

use std::io;

use super::Failure;

/// Numbers of errors, as the texts of errors end, and what helps.
const REMEDIES: [(i32, &str); 3] = [
    (
        libc::EMFILE,
        "the limit on open files is reached: raise it with ulimit -n (RLIMIT_NOFILE); 1024 is always enough",
    ),
    (libc::ENFILE, "the machine's limit on open files is reached: see fs.file-max"),
    (
        libc::ENOMEM,
        "not enough memory: raise ulimit -v, ulimit -l or the limit of the cgroup, or use a smaller --buffer-size",
    ),
];

/// The same error, with what to do if a file could not be made in its folder: by `user`, if rights were given up.
pub(super) fn of_folder(error: anyhow::Error, user: Option<&str>) -> anyhow::Error {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    let hint = kinds.map(io::Error::kind).find_map(|kind| match (kind, user) {
        (io::ErrorKind::NotFound, _) => Some("create the folder first: mkdir -p".to_owned()),
        (io::ErrorKind::PermissionDenied, Some(user)) => Some(format!(
            "user '{user}' of --drop-to cannot write there: create a folder for that user with install -d -o {user}"
        )),
        _ => None,
    });
    match hint {
        Some(hint) => Failure::with_hint(format!("{error:#}"), hint).into(),
        None => error,
    }
}

/// What helps against what a message says.
pub(super) fn remedy(message: &str) -> Option<&'static str> {
    let says = |number: i32| message.contains(&format!("(os error {number})"));
    REMEDIES.iter().find(|(number, _)| says(*number)).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_is_found_in_its_text() {
        for (number, remedy_of_it) in REMEDIES {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(remedy(&format!("cannot do it: {error}; it ends")), Some(remedy_of_it));
        }
        assert_eq!(remedy(&io::Error::from_raw_os_error(libc::ENOENT).to_string()), None);
    }
}
