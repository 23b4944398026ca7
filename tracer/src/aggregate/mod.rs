//! Tables that are kept natively: keys, one value, an operation.
//!
//! An event costs one look-up in a hash table; nothing is allocated for a key that is known. Keys are the bytes of their
//! values ([`key`]). Metadata of containers is not part of a key: the container is, and its name is looked up when the
//! table is printed, so that names that arrive late are right from the first row on.

mod interval;
mod key;
mod op;
mod table;

pub use interval::Snapshot;
pub use key::Column;
pub use op::Op;
pub use table::{Spec, Table, TableError, Value};
