//! A directory of a test's own, gone at its end.

use std::{
    ffi::CString,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// The directory.
#[derive(Debug)]
pub struct Scratch(PathBuf);

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    /// A new one.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tracer-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a temporary directory");
        Self(fs::canonicalize(path).expect("the directory that was just made"))
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: impl AsRef<std::ffi::OsStr>) -> PathBuf {
        self.0.join(name.as_ref())
    }

    /// A path in it, for the kernel.
    #[must_use]
    pub fn c_path(&self, name: impl AsRef<std::ffi::OsStr>) -> CString {
        c_path(&self.path(name))
    }

    /// A file in it.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, content: &[u8]) -> CString {
        fs::write(self.path(name), content).expect("a file in the temporary directory");
        self.c_path(name)
    }
}

/// A path for the kernel.
///
/// # Panics
/// If it has a NUL.
#[must_use]
pub fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL")
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
