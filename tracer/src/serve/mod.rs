//! `tracer serve`: metrics for Prometheus, cAdvisor's API and our own, and a web page, for every container of the machine.
//!
//! ```text
//!  engine ─▶ tables (counted) ─▶ gather ─▶ snapshot ─┬─▶ metrics ─┐
//!                                                    ├─▶ rest ────┼─▶ routes ─▶ http
//!  kernel's files ─▶ reader (measured) ─▶ picture ───┼─▶ page ────┘
//!  engine, on request ─▶ live ─▶ events, frames ─────┘
//! ```
//!
//! What containers do is counted in the kernel and taken once a second; what they use is read from files when somebody asks. Both are
//! handed over as pictures that nobody changes, so nobody waits for a client.

mod calls;
mod counted;
mod describe;
mod disk;
mod engines;
mod gather;
mod happened;
mod history;
mod http;
mod known;
mod latency;
mod live;
mod machine;
mod measured;
mod metrics;
mod page;
mod params;
mod rest;
mod routes;
mod run;
mod site;
mod totals;

pub use counted::{CountedError, Level};
pub use describe::page as describe;
pub use http::{Listen, PORT, WebError};
pub use live::{Engine, Show, Shows};
pub use run::{Counting, Options, ServeError, Server};

/// For fuzzing: any text as what the server reads.
#[doc(hidden)]
pub fn fuzz(text: &str) {
    http::fuzz(text);
}
