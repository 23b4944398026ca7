//! What quotactl was asked or said: more numbers than any other row has that does not read the task.
//!
//! Source: quotactl(2); kernel include/uapi/linux/quota.h.

use tracer_common::plan::{QUOTA_DEVICE, QUOTA_PATH, QuotaField, RET};

use super::text;
use crate::{collect::arg, read, record::Record, task};

const NS: u64 = 1_000_000_000;
/// How many numbers there are.
const FIELDS: usize = QuotaField::FormatIn as usize + 1;

const Q_QUOTAON: u64 = 0x80_0002;
const Q_GETFMT: u64 = 0x80_0004;
const Q_GETINFO: u64 = 0x80_0005;
const Q_SETINFO: u64 = 0x80_0006;
const Q_GETQUOTA: u64 = 0x80_0007;
const Q_SETQUOTA: u64 = 0x80_0008;
const Q_GETNEXTQUOTA: u64 = 0x80_0009;

const BLOCK_HARD: u8 = QuotaField::BlockHardLimit as u8;
const INODE_SOFT: u8 = QuotaField::InodeSoftLimit as u8;
const BLOCK_TIME: u8 = QuotaField::BlockTime as u8;
const INODE_TIME: u8 = QuotaField::InodeTime as u8;
const BLOCK_GRACE: u8 = QuotaField::BlockGrace as u8;
const INODE_GRACE: u8 = QuotaField::InodeGrace as u8;
const INFO_FLAGS: u8 = QuotaField::InfoFlags as u8;
const FORMAT_OUT: u8 = QuotaField::FormatOut as u8;
const COMMAND: u8 = QuotaField::Command as u8;
const TYPE: u8 = QuotaField::Type as u8;
const ID: u8 = QuotaField::Id as u8;
const FORMAT_IN: u8 = QuotaField::FormatIn as u8;

/// Gathers the numbers, and both texts.
#[inline(never)]
pub fn gather(record: Record) {
    for field in 0..FIELDS {
        task::keep_number(record, field, number(record, field as u8));
    }
    text::gather_user(record, QUOTA_DEVICE, arg(record, 1));
    let path = if (arg(record, 0) & 0xffff_ffff) >> 8 == Q_QUOTAON { arg(record, 3) } else { 0 };
    text::gather_user(record, QUOTA_PATH, path);
}

/// What quotactl was asked or said; 0 where the command has no such thing. Times, which the kernel has in seconds, in ns.
#[inline(never)]
fn number(record: Record, field: u8) -> u64 {
    let command = (arg(record, 0) & 0xffff_ffff) >> 8;
    let address = arg(record, 3) as usize;
    let at = usize::from(field);
    let limits = ((arg(record, RET) as i64 >= 0) && (command == Q_GETQUOTA || command == Q_GETNEXTQUOTA))
        || command == Q_SETQUOTA;
    let info = ((arg(record, RET) as i64 >= 0) && command == Q_GETINFO) || command == Q_SETINFO;
    match field {
        COMMAND => command,
        TYPE => arg(record, 0) & 0xff,
        ID if command == Q_GETQUOTA || command == Q_SETQUOTA || command == Q_GETNEXTQUOTA => arg(record, 2),
        FORMAT_IN if command == Q_QUOTAON => arg(record, 2),
        FORMAT_OUT if command == Q_GETFMT && (arg(record, RET) as i64 >= 0) => {
            u64::from(read::user(address).unwrap_or(0u32))
        }
        // struct if_dqblk: five limits and counts, the count of inodes, two times.
        BLOCK_HARD..=INODE_SOFT if limits => read::user(address + 8 * at).unwrap_or(0u64),
        BLOCK_TIME | INODE_TIME if limits => read::user(address + 8 * (at + 1)).unwrap_or(0u64).wrapping_mul(NS),
        // struct if_dqinfo: two times and the flags.
        BLOCK_GRACE | INODE_GRACE if info => {
            read::user(address + 8 * (at - usize::from(BLOCK_GRACE))).unwrap_or(0u64).wrapping_mul(NS)
        }
        INFO_FLAGS if info => u64::from(read::user(address + 16).unwrap_or(0u32)),
        _ => 0,
    }
}
