//! Where frames and lines go, and how they are drawn.

use std::{borrow::Cow, io, rc::Rc, sync::Arc};

use super::{
    Form, Frame, Out, json,
    text::{self, Block, Room, table::Widths},
};
use crate::format::{
    color::{Color, RESET},
    escape,
    width::chunks,
};

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// None.
    #[default]
    None,
    /// The sixteen of every terminal.
    Sixteen,
    /// 256.
    Many,
}

impl Palette {
    /// What the terminal says that it has, if colours are wanted.
    #[must_use]
    pub fn of_terminal(colors: bool) -> Self {
        if !colors {
            return Self::None;
        }
        let says = |name: &str, words: &[&str]| {
            std::env::var(name).is_ok_and(|value| words.iter().any(|word| value.contains(word)))
        };
        if says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["256", "direct", "kitty"]) {
            Self::Many
        } else {
            Self::Sixteen
        }
    }
}

/// Where in a page that is which says what is wrong.
const TROUBLE: usize = usize::MAX;

/// Something that takes frames instead of, or besides, standard output: a server, an interface, a file.
pub trait View: std::fmt::Debug {
    /// Takes a frame. It must not wait: events are not read meanwhile.
    fn frame(&self, frame: &Arc<Frame>);
}

/// Where frames and lines go, and how they are drawn. Clones go to the same places.
#[derive(Debug, Clone)]
pub struct Page {
    /// Standard output.
    pub out: Out,
    /// Whether it is written as JSON.
    pub json: bool,
    /// Which colours there are.
    pub palette: Palette,
    /// Its number among those that share the output, which says in which order their tables are.
    pub place: usize,
    /// Whether tables say whose they are, because there are several pages.
    pub named: bool,
    /// Whoever else takes frames.
    pub views: Rc<[Rc<dyn View>]>,
}

impl Page {
    /// As text without colours, and nowhere else.
    #[must_use]
    pub fn plain(out: Out) -> Self {
        Self { out, json: false, palette: Palette::None, place: 0, named: false, views: Rc::new([]) }
    }

    /// The same for JSON.
    #[must_use]
    pub fn json(out: Out) -> Self {
        Self { json: true, ..Self::plain(out) }
    }

    /// How many columns a heat map has room for, on a terminal.
    #[must_use]
    pub fn heat_columns(&self) -> Option<usize> {
        self.out.width().map(|width| width.saturating_sub(text::heat::MARGIN + 1))
    }

    /// Draws a frame, and hands it to all views.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn frame(&self, mut frame: Frame) -> io::Result<()> {
        if self.palette == Palette::None {
            let columns = frame.keys.iter_mut().chain(&mut frame.values).map(|column| &mut column.title);
            columns.chain([&mut frame.title]).for_each(|title| *title = self.plain_text(title));
        }
        self.draw(&frame)?;
        if !self.views.is_empty() {
            let frame = Arc::new(frame);
            self.views.iter().for_each(|view| view.frame(&frame));
        }
        Ok(())
    }

    fn draw(&self, frame: &Frame) -> io::Result<()> {
        match frame.form {
            Form::Lines { continues } => {
                if !continues && !self.json && !frame.title.is_empty() {
                    self.out.text_line(&frame.title)?;
                }
                for row in &frame.rows {
                    self.out.line(|line| {
                        line.extend_from_slice(&row.line);
                        true
                    })?;
                }
            }
            _ if self.json => {
                self.out.line(|line| {
                    json::frame(frame, line);
                    true
                })?;
            }
            Form::Table => {
                return self.table(frame, |room, widths| text::table::block(frame, room, widths));
            }
            Form::Bars => return self.table(frame, |room, _| text::bars::block(frame, room)),
            Form::Rate => {
                self.out.line(|line| {
                    text::rate::line(frame, line);
                    true
                })?;
            }
            Form::Heat { scale, limits, number } => {
                for line in text::heat::head(frame, scale, limits, number) {
                    self.out.text_line(&line)?;
                }
                self.out.line(|line| {
                    text::heat::line(frame, self.palette, line);
                    true
                })?;
            }
        }
        self.out.flush()
    }

    fn table(&self, frame: &Frame, make: impl FnOnce(Room, &mut Widths) -> Block) -> io::Result<()> {
        self.out.table((self.place, frame.index), |room, widths| {
            let mut block = make(room, widths);
            if self.named && frame.index == 0 && frame.title.is_empty() {
                block.head.insert(0, frame.chisel.to_string());
            }
            block
        })
    }

    /// Says below the tables of this page what is wrong, in lines that are broken and not cut: cut they say nothing. Without lines, nothing is wrong.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn trouble(&self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            self.out.remove(self.place, TROUBLE);
            return Ok(());
        }
        self.out.table((self.place, TROUBLE), |room, _| {
            let width = room.width.unwrap_or(usize::MAX).max(1);
            let parts = lines.iter().flat_map(|line| chunks(line, width));
            Block { head: parts.collect(), ..Block::default() }
        })
    }

    /// Takes the tables of this page off the terminal: others follow.
    pub fn clear(&self) {
        self.out.remove(self.place, 0);
    }

    /// A line of text; as JSON, an object with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn line(&self, text: &[u8]) -> io::Result<()> {
        self.out.line(|line| {
            if self.json {
                line.extend_from_slice(b"{\"line\":");
                crate::format::json::text(text, line);
                line.push(b'}');
            } else {
                let colored = self.palette != Palette::None;
                let text = if colored { Cow::Borrowed(text) } else { escape::without_colors(text) };
                escape::printed(&text, line);
            }
            true
        })?;
        Ok(())
    }

    /// A script's own text, without its colours if there are none.
    #[must_use]
    pub fn plain_text(&self, text: &str) -> String {
        match self.palette {
            Palette::None => String::from_utf8_lossy(&escape::without_colors(text.as_bytes())).into_owned(),
            Palette::Sixteen | Palette::Many => text.to_owned(),
        }
    }

    /// The text in that colour, if there are colours.
    #[must_use]
    pub fn colored(&self, color: Color, text: &str) -> String {
        match self.palette {
            Palette::None => text.to_owned(),
            Palette::Sixteen | Palette::Many => format!("{}{text}{RESET}", color.on()),
        }
    }
}
