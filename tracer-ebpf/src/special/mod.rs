//! Values that are not one read: files, iovecs, sockets, texts of a task, arguments that depend on others, data of the
//! caller.

pub mod file;
pub mod iovec;
pub mod opened;
pub mod poll;
pub mod quota;
pub mod rare;
pub mod sockaddr;
pub mod text;
pub mod user;
