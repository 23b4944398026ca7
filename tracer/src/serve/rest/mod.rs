//! What programs ask for: our own API, and that of cAdvisor.

pub(super) mod cadvisor;
pub(super) mod engines;
mod events;
pub(super) mod live;
pub(super) mod openapi;
pub(super) mod own;
mod shapes;
