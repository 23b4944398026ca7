//! Reading files of cgroups, again and again: opening one takes several times as long as reading what it says, so that files may stay open.

use std::{ffi::OsString, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use rustc_hash::FxHashMap;

/// The most of a file, bytes: `io.stat` of a thousand devices is shorter. A longer one is not read at all.
const MAX_BYTES: usize = 256 << 10;
/// Most files are shorter.
const USUAL_BYTES: usize = 4096;
/// The kernel gives all of a file at once that is shorter: it stops only where its buffer of a page has no room for the next line.
/// Source: kernel fs/seq_file.c, `seq_read_iter`.
const AT_ONCE: usize = USUAL_BYTES / 2;

/// Files that stay open, up to a number. By default none does.
#[derive(Debug, Default)]
pub struct Files {
    /// By the text of the path: comparing paths component by component takes longer than reading a file.
    open: FxHashMap<OsString, Open>,
    most: usize,
    round: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// When it was read last.
    round: u64,
}

impl Files {
    /// Keeps at most so many open.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The text of a file. The kernel refuses some of them, such as those of pressure where it was turned off.
    pub fn text(&mut self, path: &Path) -> Option<String> {
        if let Some(open) = self.open.get_mut(path.as_os_str()) {
            open.round = self.round;
            if let Ok(text) = whole(&open.file) {
                return text;
            }
            // The cgroup has gone. Another one may have its name by now.
            self.open.remove(path.as_os_str());
        }
        let file = File::open(path).ok()?;
        let text = whole(&file).ok()?;
        if self.open.len() < self.most {
            self.open.insert(path.as_os_str().to_owned(), Open { file, round: self.round });
        }
        text
    }

    /// Whether a file is open. What it is of may have gone since it was read last.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.open.contains_key(path.as_os_str())
    }

    /// All has been read once: closes what was not among it.
    pub fn end_round(&mut self) {
        let round = self.round;
        self.open.retain(|_, open| open.round == round);
        self.round += 1;
    }

    /// How many are open.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.open.len()
    }
}

/// The text of a file from its beginning; nothing if it is too long, or no text.
fn whole(file: &File) -> io::Result<Option<String>> {
    let mut bytes = vec![0; USUAL_BYTES];
    let mut len = 0;
    loop {
        if len == bytes.len() {
            if len > MAX_BYTES {
                return Ok(None);
            }
            bytes.resize(2 * len, 0);
        }
        match file.read_at(&mut bytes[len..], len as u64) {
            Ok(0) => break,
            Ok(count) => {
                len += count;
                if len < AT_ONCE {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(len);
    Ok((len <= MAX_BYTES).then(|| String::from_utf8(bytes).ok()).flatten())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_kept_says_what_is_there_now() {
        let folder = std::env::temp_dir().join(format!("tracer-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let mut files = Files::keeping(2);
        for text in ["1\n", "22\n", ""] {
            fs::write(path("a"), text).unwrap();
            assert_eq!(files.text(&path("a")).as_deref(), Some(text));
        }
        fs::write(path("b"), "b").unwrap();
        fs::write(path("c"), "c").unwrap();
        assert_eq!(
            (files.text(&path("b")), files.text(&path("c")), files.text(&path("d"))),
            (Some("b".into()), Some("c".into()), None)
        );
        assert_eq!(files.count(), 2, "no more than that");
        // What is not read any more is closed.
        files.end_round();
        assert_eq!(files.text(&path("c")).as_deref(), Some("c"));
        files.end_round();
        assert_eq!(files.count(), 0);
        assert_eq!(files.text(&path("c")).as_deref(), Some("c"));
        files.end_round();
        assert_eq!(files.count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_cgroup_that_has_gone_is_not_read_and_its_successor_is() {
        // Only where this process may make one.
        let places = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"];
        let name = format!("tracer-files-{}", std::process::id());
        let folder =
            places.iter().map(|place| Path::new(place).join(&name)).find(|folder| fs::create_dir(folder).is_ok());
        let Some(folder) = folder.filter(|folder| folder.join("cgroup.procs").exists()) else { return };
        let procs = folder.join("cgroup.procs");
        let mut files = Files::keeping(10);
        assert_eq!(files.text(&procs).as_deref(), Some(""));
        fs::remove_dir(&folder).unwrap();
        assert_eq!((files.text(&procs), files.count()), (None, 0));
        fs::create_dir(&folder).unwrap();
        assert_eq!(files.text(&procs).as_deref(), Some(""));
        fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_file_without_an_end_is_not_read() {
        let folder = std::env::temp_dir().join(format!("tracer-long-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let text = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, bytes).unwrap();
            Files::default().text(&path)
        };
        let long = vec![b'1'; MAX_BYTES + 1];
        assert_eq!(text("long", &long), None);
        assert_eq!(text("whole", &long[1..]).map(|text| text.len()), Some(MAX_BYTES));
        assert_eq!(text("other", &[0xff, 0xfe]), None);
        fs::remove_dir_all(folder).unwrap();
    }
}
