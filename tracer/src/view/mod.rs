//! Views: what one screen of `tracer top` shows, as data.
//!
//! A view is a TOML file: a key, columns, a filter, and where Enter leads. [`spec`] reads and checks it, [`Library`] finds it,
//! [`compiled`] turns it into tables, which the engine counts like those of chisels, and [`Joiner`] makes one frame of them.

pub mod ask;
mod compiled;
pub mod details;
pub mod heat;
mod join;
mod library;
pub mod rows;
pub mod spec;
mod wrong;

pub use ask::{Ask, Mode, With};
pub use compiled::{Compiled, Place, Shown};
pub use join::{Counts, Publish};
pub(crate) use join::{SharedBoard, board};
pub use library::{Library, find, read};
pub use spec::View;
pub use wrong::{ViewError, Wrong};
