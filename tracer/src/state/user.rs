//! Users and groups, from the host's `/etc/passwd` and `/etc/group`, which are read again when they change. Never through NSS:
//! the binary is static, and a look-up could block.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

/// The most users, and the most groups, that captures may tell of.
const MAX_TOLD: usize = 262_144;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Id of the user's group.
    pub gid: u32,
    /// Name.
    pub name: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// How often it is looked whether the files have changed.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Users and groups by number.
#[derive(Debug, Default)]
pub struct Users {
    users: FxHashMap<u32, User>,
    groups: FxHashMap<u32, String>,
    /// Where they were read from; `None` when a capture tells of them.
    files: Option<Files>,
    /// What has changed since they were read first.
    changes: Vec<Change>,
}

/// A user or a group that is new or has changed, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A user.
    User(u32),
    /// A group.
    Group(u32),
}

/// The files that users and groups are read from.
#[derive(Debug)]
struct Files {
    passwd: PathBuf,
    group: PathBuf,
    /// Which files they were, and when to look again.
    stamps: [Option<Stamp>; 2],
    next_look: Instant,
}

/// Another one after each change of a file: device, inode number, length, and the time of the last change of its inode in seconds
/// and nanoseconds, which nobody can set.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
}

fn text(path: &Path) -> Option<String> {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).ok()
}

impl Users {
    /// Reads both files below `root` (`/`, or where the host is mounted). A file that cannot be read gives no names.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let (passwd, group) = (root.join("etc/passwd"), root.join("etc/group"));
        // What changes between this and reading is read again.
        let stamps = [stamp(&passwd), stamp(&group)];
        Self {
            users: parse_passwd(&text(&passwd).unwrap_or_default()),
            groups: parse_group(&text(&group).unwrap_or_default()),
            files: Some(Files { passwd, group, stamps, next_look: Instant::now() + BETWEEN_LOOKS }),
            changes: Vec::new(),
        }
    }

    /// Reads files again that have changed, once a second at most. What cannot be read, or has no entry because it is being
    /// written, leaves the names as they were.
    pub fn refresh(&mut self, now: Instant) {
        let Some(files) = self.files.as_mut().filter(|files| now >= files.next_look) else { return };
        files.next_look = now + BETWEEN_LOOKS;
        let stamps = [stamp(&files.passwd), stamp(&files.group)];
        let is_new = [0, 1].map(|at| stamps[at].is_some() && stamps[at] != files.stamps[at]);
        if is_new[0]
            && let Some(users) = text(&files.passwd).map(|text| parse_passwd(&text)).filter(|users| !users.is_empty())
        {
            let new = users.iter().filter(|(uid, user)| self.users.get(uid) != Some(user));
            self.changes.extend(new.map(|(uid, _)| Change::User(*uid)));
            self.users = users;
            files.stamps[0] = stamps[0];
        }
        if is_new[1]
            && let Some(groups) = text(&files.group).map(|text| parse_group(&text)).filter(|groups| !groups.is_empty())
        {
            let new = groups.iter().filter(|(gid, name)| self.groups.get(gid) != Some(name));
            self.changes.extend(new.map(|(gid, _)| Change::Group(*gid)));
            self.groups = groups;
            files.stamps[1] = stamps[1];
        }
    }

    /// What has changed since the files were read first, in the order of time.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// A user that a capture tells of.
    pub fn add_user(&mut self, uid: u32, user: User) {
        if self.users.len() < MAX_TOLD {
            self.users.insert(uid, user);
        }
    }

    /// A group that a capture tells of.
    pub fn add_group(&mut self, gid: u32, name: String) {
        if self.groups.len() < MAX_TOLD {
            self.groups.insert(gid, name);
        }
    }

    /// The user of that id.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(&uid)
    }

    /// The user of that name or number, and its group. A number need not be one of a user that is known.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(u32, u32)> {
        let known = self.users.iter().find(|(_, user)| user.name == name).map(|(uid, user)| (*uid, user.gid));
        let number = || name.parse().ok().map(|uid| (uid, self.user(uid).map_or(uid, |user| user.gid)));
        known.or_else(number)
    }

    /// All users by id, in no order.
    pub fn users(&self) -> impl Iterator<Item = (u32, &User)> {
        self.users.iter().map(|(uid, user)| (*uid, user))
    }

    /// All groups by id, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &str)> {
        self.groups.iter().map(|(gid, name)| (*gid, &**name))
    }

    /// The name of the group of that id.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(String::as_str)
    }
}

/// The first entry of an id wins, as in getpwuid(3).
fn parse_passwd(text: &str) -> FxHashMap<u32, User> {
    let mut users = FxHashMap::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, uid, gid, _, home, shell, ..] = fields[..]
            && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
        {
            users.entry(uid).or_insert_with(|| User { gid, name: name.into(), home: home.into(), shell: shell.into() });
        }
    }
    users
}

fn parse_group(text: &str) -> FxHashMap<u32, String> {
    let mut groups = FxHashMap::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, gid, ..] = fields[..]
            && let Ok(gid) = gid.parse()
        {
            groups.entry(gid).or_insert_with(|| name.into());
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_change_are_read_again_and_broken_ones_are_not() {
        let root = std::env::temp_dir().join(format!("tracer-users-{}", std::process::id()));
        fs::create_dir_all(root.join("etc")).unwrap();
        let write = |users: &str, groups: &str| {
            fs::write(root.join("etc/passwd.new"), users).unwrap();
            fs::rename(root.join("etc/passwd.new"), root.join("etc/passwd")).unwrap();
            fs::write(root.join("etc/group"), groups).unwrap();
        };
        write("one:x:1:1::/:/bin/sh\n", "one:x:1:\n");
        let mut users = Users::read(&root);
        let mut now = Instant::now();
        let mut look = |users: &mut Users| {
            now += BETWEEN_LOOKS;
            users.refresh(now);
            let name = |uid| users.user(uid).map(|user| user.name.clone());
            (name(1), name(2), users.group(1).map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(look(&mut users), (some("one"), None, some("one")));
        write("uno:x:1:1::/:/bin/sh\ntwo:x:2:2::/:/bin/sh\n", "gruppo:x:1:\n");
        users.refresh(Instant::now());
        assert_eq!(users.user(2), None, "not before its time");
        assert_eq!(look(&mut users), (some("uno"), some("two"), some("gruppo")));
        let changes = [Change::User(1), Change::User(2), Change::Group(1)];
        assert!(changes.iter().all(|change| users.changes().contains(change)) && users.changes().len() == 3);
        write("", "");
        assert_eq!(look(&mut users), (some("uno"), some("two"), some("gruppo")));
        fs::remove_file(root.join("etc/passwd")).unwrap();
        assert_eq!(look(&mut users), (some("uno"), some("two"), some("gruppo")));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_first_name_of_an_id_wins_and_bad_lines_are_skipped() {
        let users = parse_passwd("root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbad line\nx:y:z\n");
        assert_eq!(users.len(), 1);
        assert_eq!(users[&0].name, "root");
        assert_eq!(users[&0].shell, "/bin/bash");
    }
}
