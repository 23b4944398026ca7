//! The mouse: whatever it does, a key does, too.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{
    app::{Command, Model, Overlay},
    draw,
};
use crate::view::Mode;

impl Model {
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Command> {
        let mut commands = match (self.overlay.take(), mouse.kind) {
            (None, MouseEventKind::ScrollUp | MouseEventKind::ScrollDown) => {
                self.wheel(matches!(mouse.kind, MouseEventKind::ScrollUp));
                Vec::new()
            }
            (None, MouseEventKind::Down(MouseButton::Left)) => self.click(mouse),
            (None, MouseEventKind::Drag(MouseButton::Left)) if self.level().mode == Mode::Heat => {
                self.point(mouse, false);
                Vec::new()
            }
            (None, MouseEventKind::Down(MouseButton::Right)) => self.right_click(mouse),
            (overlay, _) => {
                self.overlay = overlay;
                return Vec::new();
            }
        };
        commands.extend(self.find_fields());
        commands
    }

    fn wheel(&mut self, up: bool) {
        if self.pane.focus {
            let last = self.details().len().saturating_sub(1);
            self.pane.at = if up { self.pane.at.saturating_sub(3) } else { (self.pane.at + 3).min(last) };
            return;
        }
        let level = self.level_mut();
        if level.mode == Mode::Heat {
            level.heat.go_line(if up { -3 } else { 3 });
            return;
        }
        let at = level.at;
        level.go(if up { at.saturating_sub(3) } else { at + 3 });
    }

    /// The row at a line of the screen.
    fn row_at(&self, line: u16) -> Option<usize> {
        let level = self.level();
        let titles = usize::from(level.mode == Mode::Rows);
        let below = usize::from(line).checked_sub(self.head + titles)?;
        let at = level.scroll + below;
        (below < self.page && at < level.len()).then_some(at)
    }

    fn click(&mut self, mouse: MouseEvent) -> Vec<Command> {
        let (x, y) = (usize::from(mouse.column), usize::from(mouse.row));
        if y == 1
            && let Some(crumb) = draw::crumb_at(self, x)
        {
            return self.go_to_crumb(crumb);
        }
        if self.level().mode == Mode::Heat {
            self.point(mouse, true);
            return Vec::new();
        }
        if y == self.head && self.level().mode == Mode::Rows {
            if let Some(clicked) = draw::column_at(self, x) {
                self.level_mut().sort_by(clicked);
                self.remember();
            }
            return Vec::new();
        }
        let Some(to) = self.row_at(mouse.row) else { return Vec::new() };
        self.pane.focus = false;
        let level = self.level_mut();
        let again = level.at == to && level.selected.is_some();
        level.go(to);
        if again { self.enter() } else { Vec::new() }
    }

    /// A corner of what is selected of a heat map.
    fn point(&mut self, mouse: MouseEvent, both: bool) {
        if let Some((column, line)) = draw::heat_at(self, mouse.column.into(), mouse.row.into()) {
            self.level_mut().heat.put(column, line, both);
        }
    }

    fn right_click(&mut self, mouse: MouseEvent) -> Vec<Command> {
        let Some(to) = self.row_at(mouse.row).filter(|_| self.level().mode == Mode::Rows) else { return Vec::new() };
        self.pane.focus = false;
        self.level_mut().go(to);
        let column = draw::column_at(self, mouse.column.into());
        let level = self.level();
        let column = column.and_then(|column| level.columns.iter().position(|it| *it == column));
        self.open_cell(column);
        debug_assert!(matches!(self.overlay, None | Some(Overlay::Cell { .. })));
        Vec::new()
    }
}
