//! Disks that are full, and files and folders that go away.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::PathBuf,
    process::Command,
};

use tracer_tests::{
    command::{Output, Running},
    level,
    peer::peers,
    scap::{self, Rules},
    scratch::Scratch,
};

use super::{
    flood::{Flood, calls, no_gap, wait_for_bytes},
    sound, text, writing,
};

/// A file system of its own, of a few bytes.
struct Small(Scratch);

impl Small {
    fn mount(size: &str) -> Self {
        let folder = Scratch::new();
        let words = ["-t", "tmpfs", "-o", &format!("size={size}"), "tracer-test", text(folder.dir())];
        let status = Command::new("mount").args(words).status().expect("mount can be run");
        assert!(status.success(), "{words:?}");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(self.0.dir())]).status();
    }
}

/// It ended because of its file, and said so in one line.
#[track_caller]
fn ended(tracer: Running, says: &[&str]) -> Output {
    let output = tracer.end();
    assert_eq!(output.status.code(), Some(1), "{}", output.errors);
    let line =
        output.errors.lines().find(|line| line.starts_with("tracer: cannot") || line.starts_with("tracer: capture"));
    assert!(line.is_some_and(|line| says.iter().all(|part| line.contains(part))), "{says:?}: {}", output.errors);
    output
}

#[test]
fn a_full_disk_leaves_a_capture_that_can_be_read() {
    if !level::root_or_skip() {
        return;
    }
    for (option, size) in [(None, "3m"), (Some("-z"), "600k"), (Some("--compress=zstd"), "600k")] {
        let disk = Small::mount(size);
        let file = disk.path("full.scap");
        let flood = Flood::start(64);
        let filter = flood.filter();
        let tracer = writing(&file, &option.into_iter().chain([filter.as_str()]).collect::<Vec<_>>());
        let named = format!("cannot write capture '{}' after byte", text(&file));
        let _ = ended(tracer, &[&named, "No space left on device"]);
        drop(flood);
        let report = sound(&file);
        let (calls, code, errors) = calls(&file);
        assert_eq!(code, Some(0), "{option:?}: {errors}");
        no_gap(&calls);
        println!("{option:?}: {} calls in {} bytes", calls.len(), fs::metadata(&file).unwrap().len());
        assert!(calls.len() > 1000 && report.event_count() >= calls.len() as u64, "{option:?}: {}", calls.len());
        if option == Some("--compress=zstd") {
            continue;
        }
        for reader in peers() {
            assert_eq!(
                reader.read(&file, &["evt.type=lseek"]).lines().len(),
                calls.len(),
                "{option:?} {}",
                reader.tool()
            );
        }
    }
}

#[test]
fn a_full_disk_at_rotation_leaves_the_files_that_were_there() {
    if !level::root_or_skip() {
        return;
    }
    let disk = Small::mount("4m");
    let flood = Flood::start(64);
    let tracer = writing(&disk.path("x"), &["-C", "1", &flood.filter()]);
    let _ = ended(tracer, &["capture '", text(&disk.path("x")), "No space left on device"]);
    let mut all = Vec::new();
    for number in 0.. {
        let file = disk.path(&format!("x{number}"));
        // The last may have nothing, or only a part of what stands in front of its events.
        let is_last = !disk.path(&format!("x{}", number + 1)).exists();
        let report = scap::read_file(&file, Rules::Released);
        if is_last && report.event_count() == 0 {
            assert_eq!(report.cut, None);
            break;
        }
        let _ = sound(&file);
        all.extend(calls(&file).0);
        // The next one could not be made.
        if is_last {
            break;
        }
    }
    no_gap(&all);
    assert!(all.len() > 10_000, "{}", all.len());
}

#[test]
fn a_capture_that_is_removed_ends_it() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.path("gone.scap");
    let flood = Flood::start(16);
    let tracer = writing(&file, &[&flood.filter()]);
    wait_for_bytes(&file, 0);
    fs::remove_file(&file).unwrap();
    let _ = ended(tracer, &[&format!("capture '{}' was removed while it was being written", text(&file))]);
    // Another one in its place is not touched.
    let tracer = writing(&file, &[&flood.filter()]);
    wait_for_bytes(&file, 0);
    fs::rename(&file, scratch.path("moved.scap")).unwrap();
    fs::write(&file, b"mine").unwrap();
    let _ = ended(tracer, &["was removed while it was being written"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let _ = sound(&scratch.path("moved.scap"));
    no_gap(&calls(&scratch.path("moved.scap")).0);
}

#[test]
fn a_folder_that_goes_away_ends_it() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (folder, moved) = (scratch.path("here"), scratch.path("there"));
    fs::create_dir(&folder).unwrap();
    let flood = Flood::start(16);
    let tracer = writing(&folder.join("x"), &["-G", "1", &flood.filter()]);
    wait_for_bytes(&folder.join("x1"), 0);
    fs::rename(&folder, &moved).unwrap();
    let _ = ended(tracer, &["capture '", text(&folder.join("x"))]);
    let mut all = Vec::new();
    for entry in ["x0", "x1"] {
        let _ = sound(&moved.join(entry));
        all.extend(calls(&moved.join(entry)).0);
    }
    no_gap(&all);
}

#[test]
fn files_belong_to_the_user_that_it_drops_to() {
    const NOBODY: u32 = 65534;
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path("nobody");
    fs::create_dir(&folder).unwrap();
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(scratch.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let flood = Flood::start(16);
    let tracer = writing(&folder.join("x"), &["--drop-to", "nobody", "-G", "1", &flood.filter()]);
    wait_for_bytes(&folder.join("x2"), 0);
    let status = fs::read_to_string(format!("/proc/{}/status", tracer.pid())).unwrap();
    assert!(
        status.lines().any(|line| line.split_whitespace().eq(["Uid:", "65534", "65534", "65534", "65534"])),
        "{status}"
    );
    tracer.interrupt();
    let output = tracer.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains(", 0 lost"), "{}", output.errors);
    let mut all = Vec::new();
    for name in ["x0", "x1", "x2"] {
        let metadata = fs::metadata(folder.join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (NOBODY, NOBODY, 0o600), "{name}");
        let _ = sound(&folder.join(name));
        all.extend(calls(&folder.join(name)).0);
    }
    no_gap(&all);
    // A folder that is not theirs they cannot write to.
    let own = scratch.path("own");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let tracer = writing(&own.join("x"), &["--drop-to", "nobody", &flood.filter()]);
    let _ = ended(tracer, &["cannot create capture", "Permission denied"]);
}
