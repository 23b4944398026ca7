//! Values that are not one read: files, iovecs, sockets, texts of a task.

pub mod file;
pub mod iovec;
pub mod sockaddr;
pub mod text;
