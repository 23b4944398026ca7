//! `util.*`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fields;

/// How often the counter was shown.
static SHOWN: AtomicU64 = AtomicU64::new(0);

fields! { FIELDS needs NONE;
    "util.cnt": Int => |_, _| (SHOWN.fetch_add(1, Ordering::Relaxed) + 1).into(),
        "counter that increases each time it is printed or tested";
}
