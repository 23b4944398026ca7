//! Questions of clients to the running kernel: events, views and chisels, for as long as somebody listens.
//!
//! ```text
//!  request ─▶ Question ─▶ Desk ─▶ command to the loop ─▶ sinks of all who listen ─▶ bounded queue ─▶ request
//! ```
//!
//! The engine has one question at a time, so the [`desk`] asks for what is always counted together with what all clients want, each time
//! that one comes or goes. Sinks that stay are kept over the change ([`kept`]). While nobody listens, nothing of this is asked for.

mod desk;
mod events;
mod frames;
mod kept;
mod question;
mod secret;

pub use desk::Engine;
pub(super) use desk::{Desk, Listening, Refused};
pub(super) use kept::Piece;
pub(super) use question::{Kind, Question, SLOW, SLOW_OR_WAITS, Wrong, shelf};
pub use secret::{Show, Shows};
