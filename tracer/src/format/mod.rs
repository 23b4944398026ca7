//! From values to text: parameters, times, units, the format language of `-p`, and the one place that makes text safe
//! for a terminal.

pub mod args;
pub mod color;
pub mod data;
pub mod errno;
pub mod escape;
pub mod json;
pub mod line;
pub mod strace;
pub mod template;
pub mod time;
pub mod units;
pub(crate) mod width;

pub use data::DataMode;
pub use line::Preset;
pub use template::{Template, TemplateError};
