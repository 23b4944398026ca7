//! One ring, read in place: the memory that the kernel side writes to is mapped, and records are looked at where they are.
//!
//! aya's own ring hands out one record at a time and frees it at once; merging several rings by time needs to look at the
//! next record of each while the others wait. Layout: kernel kernel/bpf/ringbuf.c; first kernel 5.8.
#![allow(unsafe_code, reason = "the ring is memory that is shared with the kernel")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr, slice,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use aya::maps::MapData;

/// The record is being written.
const BUSY: u32 = 1 << 31;
/// The record was given up.
const DISCARD: u32 = 1 << 30;
/// Bytes of the header in front of each record.
const HEADER: usize = 8;

/// A mapped ring.
#[derive(Debug)]
pub struct Ring {
    map: MapData,
    consumer: *mut u8,
    producer: *mut u8,
    page: usize,
    size: usize,
    /// A record that begins at the end of the data and goes on at its beginning, in one piece.
    wrapped: Vec<u8>,
    /// How far we have read. The kernel is told at [`Ring::release`].
    position: u64,
}

// SAFETY: the mappings belong to this value alone and are not tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of `size` bytes behind `map`.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn new(map: MapData, size: usize) -> io::Result<Self> {
        // SAFETY: no memory is touched.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(io::Error::other)?;
        let fd = map.fd().as_fd().as_raw_fd();
        let map_pages = |len: usize, protection: i32, offset: usize| {
            // SAFETY: a new mapping of a map's own memory, at an address of the kernel's choice.
            let at =
                unsafe { libc::mmap(ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, offset as libc::off_t) };
            if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast::<u8>()) }
        };
        let consumer = map_pages(page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        // One page with the producer position, then the data. The kernel would map the data twice in a row, so that no record is
        // broken at its end; but all of that counts as memory of this process, and copying one record of thousands costs nothing.
        let producer = match map_pages(page + size, libc::PROT_READ, page) {
            Ok(producer) => producer,
            Err(error) => {
                // SAFETY: the mapping was made above and is not used again.
                unsafe { libc::munmap(consumer.cast(), page) };
                return Err(error);
            }
        };
        let mut ring = Self { map, consumer, producer, page, size, wrapped: Vec::new(), position: 0 };
        ring.position = ring.consumer_position().load(Ordering::Acquire);
        Ok(ring)
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the page begins with the position, is aligned, and lives as long as `self`.
        unsafe { &*self.consumer.cast::<AtomicU64>() }
    }

    fn producer_position(&self) -> u64 {
        // SAFETY: as for the consumer.
        unsafe { &*self.producer.cast::<AtomicU64>() }.load(Ordering::Acquire)
    }

    /// The descriptor to wait on.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.map.fd().as_fd()
    }

    /// Length word of the record at `position`.
    fn header(&self, position: u64) -> u32 {
        let at = (position as usize) & (self.size - 1);
        // SAFETY: headers are aligned to eight bytes and lie within the mapped data.
        unsafe { &*self.producer.add(self.page + at).cast::<AtomicU32>() }.load(Ordering::Acquire)
    }

    /// The next record, if one is complete. It stays where it is.
    pub fn peek(&mut self) -> Option<&[u8]> {
        loop {
            if self.position >= self.producer_position() {
                return None;
            }
            let header = self.header(self.position);
            if header & BUSY != 0 {
                return None;
            }
            let len = (header & !(BUSY | DISCARD)) as usize;
            if header & DISCARD != 0 {
                self.position += step(len);
                continue;
            }
            // Headers and sizes are multiples of eight, so that a header is never broken.
            let at = ((self.position as usize) & (self.size - 1)) + HEADER;
            let len = len.min(self.size - HEADER);
            let until_end = (self.size - at).min(len);
            // SAFETY: both parts lie within the mapped data; the kernel does not write to them before the position
            // of the consumer has passed them, which `release` does, with `self` borrowed mutably.
            let (first, rest) = unsafe {
                let data = self.producer.add(self.page);
                (slice::from_raw_parts(data.add(at), until_end), slice::from_raw_parts(data, len - until_end))
            };
            if rest.is_empty() {
                return Some(first);
            }
            self.wrapped.clear();
            self.wrapped.extend_from_slice(first);
            self.wrapped.extend_from_slice(rest);
            return Some(&self.wrapped);
        }
    }

    /// Goes past the record that `peek` showed.
    pub fn advance(&mut self) {
        let len = (self.header(self.position) & !(BUSY | DISCARD)) as usize;
        self.position += step(len);
    }

    /// Gives what was read back to the kernel.
    pub fn release(&mut self) {
        self.consumer_position().store(self.position, Ordering::Release);
    }
}

/// From one record to the next.
fn step(len: usize) -> u64 {
    (len + HEADER).next_multiple_of(8) as u64
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: both mappings were made by `new` with these lengths; nothing borrows from them any more.
        unsafe {
            libc::munmap(self.consumer.cast(), self.page);
            libc::munmap(self.producer.cast(), self.page + self.size);
        }
    }
}
