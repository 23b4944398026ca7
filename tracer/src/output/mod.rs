//! What people and programs get: frames, which are tables as data, and lines. Whatever counts makes frames and does not print; what
//! is here draws them as text or as JSON, and hands them to whoever else asked for them.

mod frame;
mod json;
mod keys;
mod out;
mod page;
mod picture;
mod reader;
mod screen;
mod text;

pub use frame::{Column, Form, Frame, Kind, Row, Scale, Span};
pub use out::Out;
pub use page::{Page, Palette, View};
pub use picture::Status;
pub(crate) use reader::{Readers, error_of_write};
pub(crate) use screen::step_aside;
