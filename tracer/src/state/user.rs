//! Users and groups, from the host's `/etc/passwd` and `/etc/group`. Never through NSS: the binary is static, and a
//! look-up could block.

use std::{fs, path::Path};

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

/// Users and groups by number.
#[derive(Debug, Default)]
pub struct Users {
    users: FxHashMap<u32, User>,
    groups: FxHashMap<u32, String>,
}

impl Users {
    /// Reads both files below `root` (`/`, or where the host is mounted). A file that cannot be read gives no names.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read(root.join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self {
            users: parse_passwd(&text("etc/passwd").unwrap_or_default()),
            groups: parse_group(&text("etc/group").unwrap_or_default()),
        }
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
    fn the_first_name_of_an_id_wins_and_bad_lines_are_skipped() {
        let users = parse_passwd("root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbad line\nx:y:z\n");
        assert_eq!(users.len(), 1);
        assert_eq!(users[&0].name, "root");
        assert_eq!(users[&0].shell, "/bin/bash");
    }
}
