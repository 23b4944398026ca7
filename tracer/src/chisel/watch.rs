//! A script that is loaded again when its file changes: `--watch`.

use std::{fs, path::PathBuf, time::SystemTime};

use super::{Chisel, ChiselError, Env, Library, Source};

/// The file of a chisel, and how it was loaded.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    argument: Option<String>,
    env: Env,
    /// When the file was written that is loaded.
    written: Option<SystemTime>,
}

impl Watch {
    /// Of a chisel that was loaded so; `None` if it is built in.
    #[must_use]
    pub fn new(source: &Source, argument: Option<&str>, env: &Env) -> Option<Self> {
        let path = PathBuf::from(&source.origin);
        let written = written(&path)?;
        Some(Self { path, argument: argument.map(ToOwned::to_owned), env: env.clone(), written: Some(written) })
    }

    /// The chisel as its file is now, if the file is another one than before. A file that is away for a moment, as editors
    /// do it, is not.
    pub fn renewed(&mut self) -> Option<Result<Chisel, ChiselError>> {
        let written = written(&self.path)?;
        if self.written == Some(written) {
            return None;
        }
        self.written = Some(written);
        let source = Library::new(&[]).find(&self.path.to_string_lossy());
        Some(source.and_then(|source| Chisel::load(source, self.argument.as_deref(), self.env.clone())))
    }
}

fn written(path: &PathBuf) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
