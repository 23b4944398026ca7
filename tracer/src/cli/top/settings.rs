//! What `tracer.toml` says about the full screen: the table `[top]`.
//!
//! ```toml
//! [top]
//! delay = 500
//! theme = "light"
//!
//! [top.columns]
//! procs = ["PID", "CPU%", "COMMAND"]
//! ```

use std::collections::BTreeMap;

use clap::ValueEnum as _;
use serde::Deserialize;

use crate::{
    cli::{
        Failure,
        config::{self, is_elsewhere},
    },
    fields::nearest,
    files::{self, Refused},
    message::{Shown as _, toml_text::mistake},
    tui::{
        Theme,
        keymap::Keys,
        prefs::{Prefs, ViewPrefs},
    },
    view::{View, spec::Order},
};

/// The longest file of keys.
const MAX_KEYS_BYTES: u64 = 64 << 10;

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    delay: Option<u64>,
    theme: Option<String>,
    columns: BTreeMap<String, Vec<String>>,
}

/// What it says.
#[derive(Debug, Default)]
pub(super) struct TopSettings {
    /// How often tables refresh, milliseconds.
    pub(super) delay: Option<u64>,
    pub(super) theme: Option<Theme>,
    /// Titles of columns by view.
    columns: BTreeMap<String, Vec<String>>,
    /// The file, for messages.
    path: String,
}

/// The table of the file in the folder for configurations; nothing without one.
///
/// # Errors
/// What stands there is wrong.
pub(super) fn load() -> Result<TopSettings, Failure> {
    match config::text(None)? {
        Some((path, text)) => parse(path.shown(), &text),
        None => Ok(TopSettings::default()),
    }
}

/// The keys as the user has them: the file `keys.toml` beside `tracer.toml` says what differs from the table.
///
/// # Errors
/// What stands there is wrong.
pub(super) fn keys() -> Result<Keys, Failure> {
    let Some(path) = files::settings_folder().map(|folder| folder.join("keys.toml")) else {
        return Ok(Keys::default());
    };
    match files::read(&path, MAX_KEYS_BYTES) {
        Ok(text) => Keys::parse(&text).map_err(|wrong| Failure {
            message: format!("{}: line {}: {}", path.shown(), wrong.line, wrong.what),
            hint: wrong.hint,
        }),
        Err(Refused::Io(error)) if is_elsewhere(error.kind()) => Ok(Keys::default()),
        Err(error) => {
            let hint = error.hint().map(str::to_owned);
            Err(Failure { message: format!("cannot read {}: {error}", path.shown()), hint })
        }
    }
}

fn parse(path: String, text: &str) -> Result<TopSettings, Failure> {
    let in_file = |what: &str| format!("{path}: {what}");
    let mut file: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let wrong = mistake(text, &error);
        Failure { message: in_file(&format!("line {}: {}", wrong.line, wrong.what)), hint: wrong.hint }
    })?;
    let Some(table) = file.remove(super::TOP) else { return Ok(TopSettings::default()) };
    let table: Table = table.try_into().map_err(|error: toml::de::Error| {
        Failure::with_hint(
            in_file(&format!("[top]: {}", mistake(text, &error).what)),
            "keys of [top] are delay, theme, and the table columns",
        )
    })?;
    if table.delay.is_some_and(|delay| delay < 100) {
        return Err(Failure::new(in_file("[top]: delay is in milliseconds, at least 100")));
    }
    let theme = table.theme.map(|name| {
        let names = || Theme::value_variants().iter().filter_map(|theme| theme.to_possible_value());
        let hint = format!("themes are {}", names().map(|it| it.get_name().to_owned()).collect::<Vec<_>>().join(", "));
        Theme::by_name(&name)
            .ok_or_else(|| Failure::with_hint(in_file(&format!("[top]: unknown theme '{name}'")), hint))
    });
    Ok(TopSettings { delay: table.delay, theme: theme.transpose()?, columns: table.columns, path })
}

impl TopSettings {
    /// The columns as if the user had chosen them.
    ///
    /// # Errors
    /// There is no such view or column.
    pub(super) fn prefs(&self, views: &BTreeMap<String, View>) -> Result<Prefs, Failure> {
        let wrong = |what: String, hint: Option<String>| Failure { message: format!("{}: {what}", self.path), hint };
        let meant = |name: Option<String>| name.map(|name| format!("did you mean '{name}'?"));
        let mut prefs = Prefs::default();
        for (id, columns) in &self.columns {
            let Some(view) = views.get(id) else {
                let hint = meant(nearest(id, views.keys().map(String::as_str)));
                return Err(wrong(format!("[top.columns]: there is no view '{id}'"), hint));
            };
            for title in columns {
                let titles = || view.columns.iter().map(|column| column.title.as_str());
                if !titles().any(|it| it == title) {
                    let hint = meant(nearest(title, titles()))
                        .or_else(|| Some(format!("columns are {}", titles().collect::<Vec<_>>().join(", "))));
                    return Err(wrong(format!("[top.columns]: view '{id}' has no column '{title}'"), hint));
                }
            }
            let sorted = view.columns.iter().find(|column| column.sort.is_some());
            let down = sorted.is_some_and(|column| column.sort == Some(Order::Down));
            let sort = sorted.map(|column| column.title.clone());
            prefs.views.insert(id.clone(), ViewPrefs { sort, down, columns: columns.clone(), widths: BTreeMap::new() });
        }
        Ok(prefs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Library;

    fn parsed(text: &str) -> Result<TopSettings, (String, String)> {
        parse("x.toml".into(), text).map_err(|failure| (failure.message, failure.hint.unwrap_or_default()))
    }

    #[test]
    fn the_table_says_interval_theme_and_columns() {
        let text = "color = 'never'\n[top]\ndelay = 500\ntheme = 'light'\n[top.columns]\nprocs = ['PID', 'COMMAND']\n";
        let settings = parsed(text).unwrap();
        assert_eq!((settings.delay, settings.theme), (Some(500), Some(Theme::Light)));
        let prefs = settings.prefs(&Library::builtin().all()).unwrap();
        assert_eq!(prefs.views["procs"].columns, ["PID", "COMMAND"]);
        assert_eq!((prefs.views["procs"].sort.as_deref(), prefs.views["procs"].down), (Some("CPU%"), true));
        assert!(parsed("color = 'never'").unwrap().delay.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert!(parsed("[top]\ntheme = 'pink'").unwrap_err().1.contains("dark, light, contrast, mono"));
        assert!(parsed("[top]\ndelay = 5").unwrap_err().0.contains("at least 100"));
        let (message, hint) = parsed("[top]\ncolour = 'x'").unwrap_err();
        assert!(message.contains("colour") && hint.contains("delay, theme"), "{message}");
        let views = Library::builtin().all();
        let wrong = |text: &str| {
            let failure = parsed(text).unwrap().prefs(&views).unwrap_err();
            (failure.message, failure.hint.unwrap())
        };
        assert_eq!(
            wrong("[top.columns]\nprocz = []"),
            ("x.toml: [top.columns]: there is no view 'procz'".into(), "did you mean 'procs'?".into())
        );
        assert!(wrong("[top.columns]\nprocs = ['NOPE!!!']").0.ends_with("view 'procs' has no column 'NOPE!!!'"));
    }
}
