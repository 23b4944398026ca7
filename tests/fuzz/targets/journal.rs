//! Any bytes as a file of the systemd journal: entries from both ends, by time, and by what they hold.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tracer::logs::journal::{Begin, JournalError, JournalFile, Matches, Walk, matches};

/// Reads the entries from there on.
fn read(bytes: &[u8], wanted: &Matches, begin: Begin) {
    let Ok(file) = JournalFile::new(Box::new(bytes.to_vec()), Path::new("fuzz")) else { return };
    let mut fault = |_: &JournalFile, error: JournalError| assert!(!error.to_string().is_empty());
    let mut walk = Walk::new(file, wanted, &mut fault);
    walk.begin(begin, &|_| true);
    let mut count = 0;
    while let Some((at, stamp)) = walk.next(&mut fault) {
        // Each entry has bytes of its own.
        assert!(count < bytes.len() / 64, "it ends");
        count += 1;
        if let Ok((entry, _)) = walk.file.entry(at) {
            assert_eq!(entry.stamp, stamp);
            assert!(entry.fields.iter().all(|field| !field.name().is_empty()));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for begin in [Begin::At(0), Begin::Last(3), Begin::After(5)] {
        read(bytes, &Matches::default(), begin);
    }
    if let Ok(mut file) = JournalFile::new(Box::new(bytes.to_vec()), Path::new("fuzz")) {
        let mut count = 0;
        let _ = file.values("_BOOT_ID", |_, _| count += 1);
        assert!(count <= bytes.len() / 64, "each value has bytes of its own");
    }
    for units in [matches::of_unit("nginx.service"), matches::of_unit("user.slice")] {
        let wanted = Matches { alternatives: units };
        read(bytes, &wanted, Begin::At(1_780_000_005_000_000));
        read(bytes, &wanted, Begin::Last(2));
    }
});
