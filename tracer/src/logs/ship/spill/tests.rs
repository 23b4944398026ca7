use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::logs::{Entry, Line, MAX_LINE, Stream};

/// A folder of a test, removed when it ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl std::ops::Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

fn scratch(name: &str) -> Scratch {
    let path = std::env::temp_dir().join(format!("tracer-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    Scratch(path)
}

fn record(id: &str, text: &[u8]) -> Record {
    let writer = Writer { full_id: id.into(), name: format!("name of {id}"), ..Writer::default() };
    let line = Line { time_ns: 5, stream: Stream::Err, text: text.into(), is_cut: true };
    Record { writer: Arc::new(writer), entry: Entry::Line(line), read_ns: 6 }
}

fn open(root: &Path) -> Spill {
    Spill::open(root, "target", 1 << 30).unwrap()
}

fn texts(spill: &mut Spill) -> Vec<String> {
    std::iter::from_fn(|| spill.next()).map(|(it, _)| String::from_utf8_lossy(it.text()).into_owned()).collect()
}

#[test]
fn records_come_back_as_they_were_and_in_order() {
    let root = scratch("spill-order");
    let mut spill = open(&root);
    let gap = Record { entry: Entry::Gap("rotated".into()), ..record("b", b"") };
    let all = [record("a", b"1\n\0\xff"), record("b", b""), gap, record("a", b"2")];
    all.iter().for_each(|record| assert!(spill.append(record, false).is_some()));
    for own in &all {
        let (read, _) = spill.next().unwrap();
        assert_eq!((&read.writer, read.entry == own.entry, read.read_ns), (&own.writer, true, own.read_ns));
    }
    assert!(spill.is_empty() && spill.next().is_none());
    assert!(spill.append(&record("a", b"3"), false).is_some() && !spill.is_empty());
    assert_eq!(texts(&mut spill), ["3"]);
    for item in fs::read_dir(spill.folder()).unwrap() {
        assert_eq!(item.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(spill.folder()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn another_run_continues_with_what_has_not_arrived() {
    let root = scratch("spill-resumed");
    let mut spill = open(&root);
    for number in 0..10 {
        assert!(spill.append(&record("a", number.to_string().as_bytes()), false).is_some());
    }
    let places: Vec<Place> = (0..6).map(|_| spill.next().unwrap().1).collect();
    spill.settle(Some(places[4]));
    assert!(spill.append(&record("b", b"last"), false).is_some());
    spill.sync().unwrap();
    assert!(Spill::open(&root, "target", 1).unwrap_err().contains("another run keeps lines in"));
    drop(spill);
    let mut again = open(&root);
    assert_eq!(texts(&mut again), ["4", "5", "6", "7", "8", "9", "last"]);
    again.settle(None);
    again.sync().unwrap();
    let left = fs::read_dir(again.folder()).unwrap().flatten();
    assert!(left.filter(|item| item.path().extension().is_some_and(|end| end == "lines")).count() == 0);
    assert!(again.append(&record("a", b"new"), false).is_some());
    again.sync().unwrap();
    drop(again);
    assert_eq!(texts(&mut open(&root)), ["new"]);
    assert!(Spill::open(&root, "another", 1).unwrap().is_empty(), "targets have folders of their own");
}

#[test]
fn what_is_in_memory_as_well_is_not_read() {
    let root = scratch("spill-skipped");
    let mut spill = open(&root);
    let first = spill.append(&record("a", b"1"), false).unwrap();
    let second = spill.append(&record("b", b"2"), false).unwrap();
    spill.skip();
    assert!(spill.is_empty() && spill.append(&record("a", b"3"), false).is_some());
    assert_eq!(texts(&mut spill), ["3"]);
    spill.settle(Some(second));
    spill.sync().unwrap();
    assert!(first < second && spill.unarrived() > 0);
    drop(spill);
    assert_eq!(texts(&mut open(&root)), ["2", "3"]);
}

#[test]
fn it_is_bounded_and_has_several_segments() {
    let root = scratch("spill-bounded");
    let mut spill = Spill::open(&root, "target", 20 << 20).unwrap();
    let long = vec![b'x'; MAX_LINE];
    let count = (0..100).take_while(|_| spill.append(&record("a", &long), false).is_some()).count();
    assert!((18..=20).contains(&count) && spill.segments.len() == 3, "{count} {:?}", spill.segments);
    let (_, place) = (0..10).map(|_| spill.next().unwrap()).last().unwrap();
    spill.settle(Some(place));
    assert_eq!(spill.segments.len(), 2);
    assert!(spill.append(&record("a", &long), false).is_some());
    assert_eq!(texts(&mut spill).len(), count + 1 - 10);
}

#[test]
fn a_torn_end_is_no_damage_and_a_changed_byte_is() {
    let root = scratch("spill-torn");
    let mut spill = open(&root);
    ["1", "2"].iter().for_each(|text| assert!(spill.append(&record("a", text.as_bytes()), false).is_some()));
    spill.sync().unwrap();
    let path = spill.path_of(*spill.segments.keys().next().unwrap());
    drop(spill);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let texts = texts(&mut open(&root));
        assert!(texts.is_empty() || texts == ["1"], "{length}: {texts:?}");
    }
    for at in (0..whole.len()).step_by(16) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        let texts = texts(&mut open(&root));
        assert!(texts.is_empty() || texts == ["1"], "{at}: {texts:?}");
    }
    fs::write(&path, &whole).unwrap();
    fs::write(path.with_file_name("cursor"), "nonsense").unwrap();
    assert_eq!(texts(&mut open(&root)), ["1", "2"]);
}

#[test]
fn folders_of_others_are_refused() {
    let root = scratch("spill-refused");
    let refused = |path: &Path| Spill::open(path, "target", 1).unwrap_err();
    fs::set_permissions(&*root, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&root).contains("other users can write there"));
    fs::set_permissions(&*root, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(root.join("file"), "").unwrap();
    assert!(refused(&root.join("file")).contains("it is not a folder"));
    symlink(&*root, root.join("link")).unwrap();
    assert!(refused(&root.join("link")).contains("it is not a folder"));
    assert!(refused(&root.join("no/such")).contains("cannot create the folder"));
}
