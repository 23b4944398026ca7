//! Texts of files that people name, as far as they have a sensible size: scripts, settings.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// What the caller has open already, such as `<(…)` of a shell: a pipe whose writer is theirs.
const OPEN: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// The text of a file of at most so many bytes. A pipe, a device or the like has no end that can be waited for, unless it is open
/// already.
///
/// # Errors
/// It cannot be read, is too large or is no text.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let is_open = OPEN.iter().any(|folder| path.starts_with(folder));
    // Another pipe without a writer is not waited for.
    let file = File::options().read(true).custom_flags(if is_open { 0 } else { libc::O_NONBLOCK }).open(path)?;
    if !is_open && !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {} KiB", most >> 10)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read() {
        let path = std::env::temp_dir().join(format!("tracer-bounded-{}", std::process::id()));
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(text(&path, 4).unwrap(), "1234");
        assert_eq!(text(&path, 3).unwrap_err().to_string(), "it has more than 0 KiB");
        std::fs::remove_file(path).unwrap();
        assert_eq!(text(Path::new("/dev/zero"), 4).unwrap_err().to_string(), "it is not a regular file");
        assert_eq!(text(Path::new("/nonexistent"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
