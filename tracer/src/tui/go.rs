//! From level to level: into a row, back, and to another view.

use super::{
    app::{Command, Model, Overlay},
    arrange::Node,
    level::Level,
    part::Part,
};
use crate::view::{Mode, View};

impl Model {
    /// The part that the selected row stands for.
    pub(super) fn part(&mut self) -> Option<Part> {
        let level = self.level();
        let row = level.row(level.at)?;
        let part = if let Some((field, value)) = level.group_at(level.at) {
            Part::is(field, &value)
        } else if level.mode == Mode::Rows {
            let key = level.view.key.as_ref()?;
            let part = Part::is(&key.field, &String::from_utf8(row.keys.first()?.clone()).ok()?);
            let name = key.field.strip_suffix(".id").and_then(|class| level.text(row, &format!("{class}.name")));
            let name = name.filter(|name| !name.is_empty()).map(|name| String::from_utf8_lossy(name).into_owned());
            Part { name, ..part }
        } else {
            Part::is("proc.pid", &String::from_utf8(row.keys.first()?.clone()).ok()?)
        };
        (!part.value.is_empty()).then_some(part)
    }

    pub(super) fn enter(&mut self) -> Vec<Command> {
        if self.level().mode == Mode::Heat {
            let replay = self.settings.replay;
            let Some((test, value)) = self.level().heat.test(replay) else {
                self.say("arrows select latency and time first".into());
                return Vec::new();
            };
            let of_the_past = self.level().heat.selected().is_some_and(|selected| selected.lines.is_some()) && !replay;
            let view = self.level().view.clone();
            let commands = self.push(view, Mode::Events, Some(Part::of_test(&test, &value)));
            if of_the_past {
                self.say("events of the past were not kept: these are new ones of that latency".into());
            }
            return commands;
        }
        if matches!(self.level().mode, Mode::Events | Mode::Echo)
            && let Some(items) = self.ways_from_event().filter(|items| items.len() > 1)
        {
            self.overlay = Some(Overlay::Menu { title: "Go to".into(), items, at: 0 });
            return Vec::new();
        }
        if self.level().group_at(self.level().at).is_some() && self.level().spots[self.level().at].node == Node::Folded
        {
            // A group opens first; its rows can be gone into.
            return self.act(super::keys::Do::Unfold);
        }
        if let Some((field, value)) = self.level().group_at(self.level().at) {
            let view = self.level().view.clone();
            return self.push(view, Mode::Rows, Some(Part::is(field, &value)));
        }
        let Some(part) = self.part() else {
            self.say(
                if self.level().len() == 0 { "there is no row to go into" } else { "this row has no key to go into" }
                    .into(),
            );
            return Vec::new();
        };
        let level = self.level();
        let next = if level.mode == Mode::Rows { level.view.next.clone() } else { Some("files".to_owned()) };
        let applies = |view: &&View| view.applies_to.contains(&part.field);
        let view = next.and_then(|id| self.views.get(&id)).filter(applies);
        match view.or_else(|| self.views.values().find(applies)).cloned() {
            Some(view) => self.push(view, Mode::Rows, Some(part)),
            None => {
                self.say(format!("no view applies to {}", part.field));
                Vec::new()
            }
        }
    }

    /// Begins with the first level in another mode, and only with reads and writes of files.
    pub fn begin(&mut self, mode: Mode, of_files: bool) {
        let level = self.level_mut();
        level.mode = mode;
        level.part = of_files.then(file_io);
    }

    /// A heat map of the row that somebody selected; of everything when nobody did.
    pub(super) fn heat(&mut self, of_files: bool) -> Vec<Command> {
        // A picture of everything is what one wants to see first.
        let is_chosen = self.level().mode == Mode::Rows && self.level().selected.is_some();
        let part = if is_chosen { self.part() } else { None };
        let test = of_files.then(file_io);
        let view = self.level().view.clone();
        match (part, test) {
            (Some(part), Some(test)) => {
                // Two tests are two levels; only the last one is asked for.
                if let Ok(level) = Level::new(view.clone(), Mode::Heat, Some(part), self.settings.containers) {
                    self.levels.push(level);
                }
                self.push(view, Mode::Heat, Some(test))
            }
            (part, test) => self.push(view, Mode::Heat, part.or(test)),
        }
    }

    /// Data or events of the selected row; of all rows when none is selected.
    pub(super) fn look(&mut self, mode: Mode) -> Vec<Command> {
        let part = if self.level().mode == Mode::Rows { self.part() } else { None };
        let view = self.level().view.clone();
        self.push(view, mode, part)
    }

    pub(super) fn push(&mut self, view: View, mode: Mode, part: Option<Part>) -> Vec<Command> {
        match Level::new(view, mode, part, self.settings.containers) {
            Ok(mut level) => {
                self.prefs.apply(&mut level);
                level.form = self.level().form;
                self.pane.focus = false;
                if self.frozen {
                    level.frame = self.level().frame_of(&level);
                    level.arrange();
                    if level.frame.is_none() {
                        self.say("frozen: what came before was not kept, so this shows the next interval".into());
                    }
                }
                self.levels.push(level);
                vec![self.ask()]
            }
            Err(error) => {
                self.say(error.to_string());
                Vec::new()
            }
        }
    }

    pub(super) fn back(&mut self) -> Vec<Command> {
        self.go_to_crumb(self.levels.len().saturating_sub(2))
    }

    pub(super) fn go_to_crumb(&mut self, to: usize) -> Vec<Command> {
        if to + 1 >= self.levels.len() {
            return Vec::new();
        }
        self.levels.truncate(to + 1);
        self.pane.focus = false;
        if self.level().complete {
            // All of the capture is there already: what still comes is for the level that was left.
            self.asked += 1;
            (self.ended, self.read, self.stopped) = (true, None, false);
            return Vec::new();
        }
        vec![self.ask()]
    }

    /// Views whose name has these letters, and why one does not apply here.
    #[must_use]
    pub fn chosen(&self, text: &str) -> Vec<(&View, Option<String>)> {
        let field =
            self.levels.iter().rev().find_map(|level| level.part.as_ref()).map_or("", |part| part.field.as_str());
        let text = text.to_lowercase();
        let mut views: Vec<_> = self
            .views
            .values()
            .filter(|view| view.name.to_lowercase().contains(&text) || view.id.contains(&text))
            .map(|view| {
                let applies = view.applies_to.iter().any(|it| it == field);
                let of = if field.is_empty() { "the whole machine".to_owned() } else { format!("one {field}") };
                (view, (!applies).then(|| format!("not for {of}")))
            })
            .collect();
        views.sort_by(|a, b| a.1.is_some().cmp(&b.1.is_some()).then_with(|| a.0.name.cmp(&b.0.name)));
        views
    }

    /// Another view of the same things: a level of its own, which Backspace leaves.
    pub(super) fn change(&mut self, view: View) -> Vec<Command> {
        if view.id == self.level().view.id && self.level().mode == Mode::Rows {
            return Vec::new();
        }
        self.push(view, Mode::Rows, None)
    }
}

/// Reads and writes of files.
fn file_io() -> Part {
    Part::of_test("evt.is_io=true and fd.type=file", "file I/O")
}
