//! Block I/O of each device: `io.stat`, of v1 `blkio.*`.
//!
//! It is what reached devices: reads from the page cache are none, and what is written appears when it is written back. Disks
//! and the device-mapper devices on them are both listed, with the same bytes.

use super::{File, Version};

/// Block I/O of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub major: u32,
    /// Its number among those of the same kind.
    pub minor: u32,
    /// Bytes that were read.
    pub read_bytes: Option<u64>,
    /// Bytes that were written.
    pub written_bytes: Option<u64>,
    /// Bytes that were discarded.
    pub discarded_bytes: Option<u64>,
    /// How many reads there were.
    pub reads: Option<u64>,
    /// How many writes there were.
    pub writes: Option<u64>,
    /// How many discards there were.
    pub discards: Option<u64>,
}

/// What is known of block I/O.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Io {
    /// The devices that there was I/O with, by number; `None` when it is not counted.
    pub devices: Option<Vec<Device>>,
}

/// The files of v1, those of the scheduler last: bytes, and counts.
const V1: [[&str; 2]; 2] = [
    ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"],
    ["blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"],
];

impl Io {
    pub(super) fn read(version: Version, file: &mut File<'_>) -> Self {
        let devices = match version {
            Version::V1 => V1.iter().find_map(|[bytes, counts]| Some(v1(&file(bytes)?, &file(counts)?))),
            Version::V2 => file("io.stat").map(|text| v2(&text)),
        };
        Self { devices }
    }
}

/// The device of that number, in their order.
fn entry(devices: &mut Vec<Device>, (major, minor): (u32, u32)) -> &mut Device {
    let at = match devices.binary_search_by_key(&(major, minor), |device| (device.major, device.minor)) {
        Ok(at) => at,
        Err(at) => {
            devices.insert(at, Device { major, minor, ..Device::default() });
            at
        }
    };
    &mut devices[at]
}

fn device_number(word: &str) -> Option<(u32, u32)> {
    let (major, minor) = word.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Lines of a device and `key=number`s. Some kernels begin a line with devices that nothing is known of: the last one has the
/// numbers.
fn v2(text: &str) -> Vec<Device> {
    let mut devices = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace().peekable();
        let mut number = None;
        while let Some(next) = words.peek().and_then(|word| device_number(word)) {
            number = Some(next);
            words.next();
        }
        let (Some(number), Some(_)) = (number, words.peek()) else { continue };
        let device = entry(&mut devices, number);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let place = match key {
                "rbytes" => &mut device.read_bytes,
                "wbytes" => &mut device.written_bytes,
                "dbytes" => &mut device.discarded_bytes,
                "rios" => &mut device.reads,
                "wios" => &mut device.writes,
                "dios" => &mut device.discards,
                _ => continue,
            };
            *place = value.parse().ok();
        }
    }
    devices
}

/// Lines of a device, what was done, and a number.
fn v1(bytes: &str, counts: &str) -> Vec<Device> {
    let mut devices = Vec::new();
    for (text, are_bytes) in [(bytes, true), (counts, false)] {
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [number, what, value] = words[..] else { continue };
            let Some(number) = device_number(number) else { continue };
            let device = entry(&mut devices, number);
            let place = match (what, are_bytes) {
                ("Read", true) => &mut device.read_bytes,
                ("Write", true) => &mut device.written_bytes,
                ("Discard", true) => &mut device.discarded_bytes,
                ("Read", false) => &mut device.reads,
                ("Write", false) => &mut device.writes,
                ("Discard", false) => &mut device.discards,
                _ => continue,
            };
            *place = value.parse().ok();
        }
    }
    devices
}
