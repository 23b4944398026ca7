//! stub
/// Whether.
pub fn may_load() -> bool {
    true
}
