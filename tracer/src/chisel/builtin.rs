//! Where chisels are: folders, then those in the binary.
//!
//! A file that another user can change is not loaded from a folder ([`files::read`]). The working directory is no such folder,
//! because whoever made it decides what is in it: `./chisels` has to be named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::ChiselError;
use crate::message::Shown as _;
use crate::{
    bounded,
    fields::nearest,
    files::{self, Refused},
    message::note,
};

/// The chisels of the repository, in alphabetical order: name and text. Made by the build script.
static BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/chisels.rs"));

/// Extension of a chisel.
const EXTENSION: &str = "rhai";
/// The longest script. It bounds the time and the memory that reading takes, too.
const MAX_BYTES: u64 = 64 << 10;
/// A folder that has to be named.
const HERE: &str = "chisels";

/// The text of a chisel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Where it comes from, for messages.
    pub origin: String,
    /// Its text.
    pub text: String,
}

/// All places that are searched.
#[derive(Debug, Clone)]
pub struct Library {
    folders: Vec<PathBuf>,
    /// Whether a chisel in `./chisels` is worth a note, because it is not loaded.
    here: bool,
    /// Notes that were said.
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Library {
    /// The given folders, then `$XDG_CONFIG_HOME/tracer/chisels` and `/usr/share/tracer/chisels`.
    #[must_use]
    pub fn new(first: &[PathBuf]) -> Self {
        let mut folders = first.to_vec();
        folders.extend(files::settings_folder().map(|settings| settings.join("chisels")));
        folders.push(PathBuf::from("/usr/share/tracer/chisels"));
        let real = |path: &Path| fs::canonicalize(path).ok();
        let here = real(Path::new(HERE));
        let here = here.is_some() && !folders.iter().any(|folder| real(folder) == here);
        Self { folders, here, said: Arc::default() }
    }

    /// Only those in the binary.
    #[must_use]
    pub fn builtin() -> Self {
        Self { folders: Vec::new(), here: false, said: Arc::default() }
    }

    /// Says something once.
    fn note(&self, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&text) {
            note(&text);
            said.insert(text);
        }
    }

    /// A chisel in a folder, if only root and the caller can change it.
    fn read_trusted(&self, path: &Path) -> Result<Option<Source>, ChiselError> {
        match files::read(path, MAX_BYTES) {
            Ok(text) => Ok(Some(source(path, text))),
            Err(Refused::Unsafe { reason, hint }) => {
                self.note(format!("note: chisel '{}' is ignored: {reason}\nhint: {hint}", path.shown()));
                Ok(None)
            }
            Err(error) => Err(ChiselError::new(&format!("'{}'", path.shown()), error.to_string())),
        }
    }

    /// The chisel, and a note if `./chisels` has another one of that name.
    fn instead_of_here(&self, name: &str, found: Result<Source, ChiselError>) -> Result<Source, ChiselError> {
        let path = Path::new(HERE).join(name).with_extension(EXTENSION);
        let is_same = |source: &Source| files::read(&path, MAX_BYTES).is_ok_and(|text| text == source.text);
        if self.here && path.is_file() && !found.as_ref().is_ok_and(is_same) {
            self.note(format!(
                "note: './{}' is not loaded, because its folder was not given\nhint: --chisel-dir ./{HERE} loads it",
                path.shown()
            ));
        }
        found
    }

    /// The chisel of that name or path.
    ///
    /// # Errors
    /// There is none, or its file cannot be read.
    pub fn find(&self, name: &str) -> Result<Source, ChiselError> {
        if name.contains('/') || name.ends_with(&format!(".{EXTENSION}")) {
            return read(Path::new(name));
        }
        self.instead_of_here(name, self.find_named(name))
    }

    fn find_named(&self, name: &str) -> Result<Source, ChiselError> {
        for folder in &self.folders {
            let path = folder.join(name).with_extension(EXTENSION);
            if path.is_file()
                && let Some(source) = self.read_trusted(&path)?
            {
                return Ok(source);
            }
        }
        if let Some((name, text)) = BUILTIN.iter().find(|(known, _)| *known == name) {
            return Ok(Source {
                name: (*name).to_owned(),
                origin: format!("{name}.{EXTENSION}"),
                text: (*text).to_owned(),
            });
        }
        let names = self.list();
        let mut error = ChiselError::new(&format!("'{name}'"), "there is no chisel with this name");
        error.hint = Some(match nearest(name, names.keys().map(String::as_str)) {
            Some(name) => format!("did you mean '{name}'?"),
            None => "tracer -cl lists the chisels".to_owned(),
        });
        Err(error)
    }

    /// All chisels by name. Of several with one name, the one that [`Library::find`] finds.
    #[must_use]
    pub fn list(&self) -> BTreeMap<String, Source> {
        let mut all = BTreeMap::new();
        for (name, text) in BUILTIN {
            let origin = format!("{name}.{EXTENSION}");
            all.insert((*name).to_owned(), Source { name: (*name).to_owned(), origin, text: (*text).to_owned() });
        }
        for folder in self.folders.iter().rev() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in entries.filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION)) {
                if let Ok(Some(source)) = self.read_trusted(&path) {
                    all.insert(source.name.clone(), source);
                }
            }
        }
        all
    }
}

fn read(path: &Path) -> Result<Source, ChiselError> {
    let origin = path.shown().to_string();
    let text =
        bounded::text(path, MAX_BYTES).map_err(|error| ChiselError::new(&format!("'{origin}'"), error.to_string()))?;
    Ok(source(path, text))
}

fn source(path: &Path, text: String) -> Source {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Source { name, origin: path.shown().to_string(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chisel::Chisel;

    #[test]
    fn a_wrong_name_gets_a_suggestion() {
        let error = Library::builtin().find("topproc_cpu").unwrap_err();
        assert_eq!(error.to_string(), "chisel 'topproc_cpu': there is no chisel with this name");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'topprocs_cpu'?"));
    }

    #[test]
    fn a_folder_goes_before_the_binary() {
        let folder = std::env::temp_dir().join(format!("tracer-chisels-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("topscalls.rhai"), "// mine").unwrap();
        let library = Library { folders: vec![folder.clone()], ..Library::builtin() };
        assert_eq!(library.find("topscalls").unwrap().text, "// mine");
        assert_eq!(library.list()["topscalls"].text, "// mine");
        assert!(library.find("spy_users").is_ok());
        assert!(library.find(folder.join("topscalls.rhai").to_str().unwrap()).is_ok());
        fs::remove_dir_all(folder).unwrap();
    }

    /// A row that is missing looks like one that does nothing.
    #[test]
    fn the_help_says_what_a_table_leaves_out() {
        let mut count = 0;
        for (name, source) in Library::builtin().list() {
            let meta = Chisel::describe(&source).unwrap();
            for (filter, said) in
                [("container.id!=host\"", "outside of containers"), ("k8s.pod.name exists\"", "outside of pods")]
            {
                if name.starts_with("top") && source.text.contains(filter) && !source.text.contains("evt.type=procinfo")
                {
                    let sentence = format!("Processes {said} are left out.");
                    assert!(meta.description.contains(&sentence), "{name}: {}", meta.description);
                    count += 1;
                }
            }
            let (has_total, has_cpu) = (source.text.contains("total: true"), source.text.contains("title: \"CPU%\""));
            assert!(
                !has_total || meta.description.contains("all bytes since the start"),
                "{name}: {}",
                meta.description
            );
            assert!(
                !has_cpu || meta.description.contains("of the time between two tables"),
                "{name}: {}",
                meta.description
            );
        }
        assert_eq!(count, 6);
    }
}
