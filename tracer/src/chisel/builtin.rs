//! Where chisels are: folders, then those in the binary.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use super::ChiselError;
use crate::{bounded, fields::nearest};

/// The chisels of the repository, in alphabetical order: name and text. Made by the build script.
static BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/chisels.rs"));

/// Extension of a chisel.
const EXTENSION: &str = "rhai";

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
}

impl Library {
    /// The given folders, then `./chisels`, `$XDG_CONFIG_HOME/tracer/chisels` and `/usr/share/tracer/chisels`.
    #[must_use]
    pub fn new(first: &[PathBuf]) -> Self {
        let config = env::var_os("XDG_CONFIG_HOME")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".config")));
        let mut folders = first.to_vec();
        folders.push(PathBuf::from("chisels"));
        folders.extend(config.map(|config| config.join("tracer/chisels")));
        folders.push(PathBuf::from("/usr/share/tracer/chisels"));
        Self { folders }
    }

    /// Only those in the binary.
    #[must_use]
    pub const fn builtin() -> Self {
        Self { folders: Vec::new() }
    }

    /// The chisel of that name or path.
    ///
    /// # Errors
    /// There is none, or its file cannot be read.
    pub fn find(&self, name: &str) -> Result<Source, ChiselError> {
        if name.contains('/') || name.ends_with(&format!(".{EXTENSION}")) {
            return read(Path::new(name));
        }
        for folder in &self.folders {
            let path = folder.join(name).with_extension(EXTENSION);
            if path.is_file() {
                return read(&path);
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
        let mut error = ChiselError::new(&format!("'{name}'"), "there is no chisel of that name");
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
                if let Ok(source) = read(&path) {
                    all.insert(source.name.clone(), source);
                }
            }
        }
        all
    }
}

/// The longest script. Time and memory that reading it takes are bounded by it, too.
const MAX_BYTES: u64 = 64 << 10;

fn read(path: &Path) -> Result<Source, ChiselError> {
    let origin = path.display().to_string();
    let text =
        bounded::text(path, MAX_BYTES).map_err(|error| ChiselError::new(&format!("'{origin}'"), error.to_string()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Source { name, origin, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_gets_a_suggestion() {
        let error = Library::builtin().find("topproc_cpu").unwrap_err();
        assert_eq!(error.to_string(), "chisel 'topproc_cpu': there is no chisel of that name");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'topprocs_cpu'?"));
    }

    #[test]
    fn a_folder_goes_before_the_binary() {
        let folder = env::temp_dir().join(format!("tracer-chisels-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("topscalls.rhai"), "// mine").unwrap();
        let library = Library { folders: vec![folder.clone()] };
        assert_eq!(library.find("topscalls").unwrap().text, "// mine");
        assert_eq!(library.list()["topscalls"].text, "// mine");
        assert!(library.find("spy_users").is_ok());
        assert!(library.find(folder.join("topscalls.rhai").to_str().unwrap()).is_ok());
        fs::remove_dir_all(folder).unwrap();
    }
}
