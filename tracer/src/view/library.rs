//! Where views are: folders, then those in the binary. The same rules as for chisels.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{View, ViewError};
use crate::{
    bounded,
    fields::nearest,
    files::{self, Refused},
    message::{Shown as _, note},
};

/// The views of the repository, in alphabetical order: name and text. Made by the build script.
static BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/views.rs"));

/// Views of csysdig that cannot have data, and why.
const DEAD: &[(&[&str], &str)] = &[
    (&["docker_events"], "engines are followed by container_events: tracer -c container_events"),
    (&["backlog"], "tracepoints do not tell the length of a socket's queue: ss -lt shows it"),
    (&["notifications"], "there are no policy notifications in captures of today"),
    (
        &["spans_list", "spans_summary", "spectro_traces", "traces_list", "traces_summary"],
        "sysdig removed traces (spans) in 0.27",
    ),
    (
        &["marathon_apps", "marathon_groups", "mesos_frameworks", "mesos_tasks"],
        "Mesos and Marathon are not supported any more",
    ),
    (
        &["kubernetes_controllers", "kubernetes_replicasets", "kubernetes_services", "kubernetes_deployments"],
        "it needs the Kubernetes API, which tracer does not ask",
    ),
    (&["spy_users_wsysdig"], "it was made for a web front end that no longer exists: use -v spy_users"),
];

/// Extension of a view.
const EXTENSION: &str = "toml";
/// The longest view.
const MAX_BYTES: u64 = 64 << 10;

/// All places that are searched.
#[derive(Debug, Clone)]
pub struct Library {
    folders: Vec<PathBuf>,
}

impl Library {
    /// The given folders, then `$XDG_CONFIG_HOME/tracer/views` and `/usr/share/tracer/views`.
    #[must_use]
    pub fn new(first: &[PathBuf]) -> Self {
        let mut folders = first.to_vec();
        folders.extend(files::settings_folder().map(|settings| settings.join("views")));
        folders.push(PathBuf::from("/usr/share/tracer/views"));
        Self { folders }
    }

    /// Only those in the binary.
    #[must_use]
    pub fn builtin() -> Self {
        Self { folders: Vec::new() }
    }

    /// All views by their ids. One in a folder replaces one in the binary. Wrong ones are left out, with a note.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, View> {
        let mut all = BTreeMap::new();
        for (id, text) in BUILTIN {
            // A test reads them all.
            if let Ok(view) = View::read(id, id, text) {
                all.insert((*id).to_owned(), view);
            }
        }
        for folder in self.folders.iter().rev() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in entries.filter(|path| path.extension().is_some_and(|it| it == EXTENSION)) {
                match read_trusted(&path) {
                    Ok(view) => drop(all.insert(view.id.clone(), view)),
                    Err(error) => note(&format!("note: ignored: {error}")),
                }
            }
        }
        all
    }
}

/// The id of one of these views that was asked for.
///
/// # Errors
/// There is none; what may have been meant, or why there is none any more.
pub fn find<'v>(views: &'v BTreeMap<String, View>, name: &str) -> Result<&'v View, ViewError> {
    if let Some(view) = views.get(name) {
        return Ok(view);
    }
    let dead = DEAD.iter().find(|(ids, _)| ids.contains(&name)).map(|(_, why)| (*why).to_owned());
    let hint = dead.or_else(|| {
        let by_name = views.values().find(|view| view.name.eq_ignore_ascii_case(name)).map(|view| view.id.as_str());
        let id = by_name.map(str::to_owned).or_else(|| nearest(name, views.keys().map(String::as_str)))?;
        Some(format!("did you mean '{id}'?"))
    });
    let hint = hint.or_else(|| Some("tracer top -l lists the views".into()));
    Err(ViewError::Unknown { name: name.into(), hint })
}

/// Reads a view that the caller named.
///
/// # Errors
/// It cannot be read, or is wrong.
pub fn read(path: &Path) -> Result<View, ViewError> {
    let origin = path.shown().to_string();
    let text = bounded::text(path, MAX_BYTES)
        .map_err(|error| ViewError::Read { origin: origin.clone(), reason: error.to_string() })?;
    View::read(&id(path), &origin, &text)
}

fn read_trusted(path: &Path) -> Result<View, ViewError> {
    let origin = path.shown().to_string();
    let text = files::read(path, MAX_BYTES)
        .map_err(|error: Refused| ViewError::Read { origin: origin.clone(), reason: error.to_string() })?;
    View::read(&id(path), &origin, &text)
}

fn id(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::{self, Aggregate as _},
        fields::Show,
        filter::Filter,
        view::{Compiled, spec::Kind},
    };

    #[test]
    fn all_views_of_the_binary_are_right() {
        let all = Library::builtin().all();
        for (id, text) in BUILTIN {
            let view = View::read(id, id, text).unwrap_or_else(|error| panic!("{error}"));
            for containers in [false, true] {
                let compiled =
                    Compiled::of(&view, containers, Show::PLAIN).unwrap_or_else(|error| panic!("{id}: {error}"));
                assert!(!compiled.shown.is_empty(), "{id}");
            }
            if let Some(next) = &view.next {
                let target = all.get(next).unwrap_or_else(|| panic!("{id}: no view '{next}'"));
                let key = view.key.as_ref().unwrap_or_else(|| panic!("{id} leads to '{next}' without a key"));
                assert!(target.applies_to.contains(&key.field), "{id}: {next} does not apply to {}", key.field);
            }
            assert!(view.kind == Kind::List || view.columns.iter().any(|it| it.sort.is_some()), "{id} is not sorted");
        }
    }

    /// Tables of views that need each event, by their view and place.
    fn sent() -> Vec<String> {
        let mut sent = Vec::new();
        for (id, view) in Library::builtin().all() {
            let compiled = Compiled::of(&view, true, Show::PLAIN).unwrap();
            let of_view = view.filter.as_deref().map(|text| Filter::compile(text, Show::PLAIN).unwrap());
            let (specs, _) = compiled.specs(Show::PLAIN).unwrap();
            for (at, spec) in specs.into_iter().enumerate() {
                let table = aggregate::Table::new(spec).unwrap();
                let filters: Vec<&Filter> = of_view.iter().chain(table.filter()).collect();
                if table.grouping().and_then(|counts| counts.in_kernel(&filters)).is_err() {
                    sent.push(format!("{id} {at}"));
                }
            }
        }
        sent
    }

    #[test]
    fn tables_of_views_are_counted_in_the_kernel() {
        let cpu = [
            "containers 0",
            "kubernetes_namespaces 0",
            "kubernetes_pods 0",
            "procs 0",
            "procs_cpu 0",
            "threads 0",
            "users 0",
        ];
        let failures_by_kind = ["containers_errors 0", "procs_errors 0"];
        let files = ["directories 0", "files 0", "io_by_type 0"];
        let mut expected = [&cpu[..], &failures_by_kind, &files].concat();
        expected.sort_unstable();
        assert_eq!(sent(), expected);
    }

    #[test]
    fn an_unknown_view_has_a_remedy() {
        let all = Library::builtin().all();
        let hint = |name: &str| find(&all, name).unwrap_err().hint().unwrap();
        assert_eq!(hint("proces"), "did you mean 'procs'?");
        assert_eq!(hint("Processes"), "did you mean 'procs'?");
        assert!(hint("mesos_tasks").contains("Mesos"));
        assert!(DEAD.iter().flat_map(|(ids, _)| *ids).all(|id| !all.contains_key(*id)));
    }
}
