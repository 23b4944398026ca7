//! Containers that are only claimed: those whose cgroup a user could have made, and those inside of other containers.
//!
//! They are rows of their own, also when they have the id of another container. Then what is shown of their id says who
//! claims it, `ID@UID` or `ID@CONTAINER`, so that no filter and no table takes the one for the other.

use rustc_hash::FxHashMap;

use super::{Containers, Row};
use crate::state::container::{
    ContainerKey, Owner,
    runtime::{self, Found, Id},
};

/// The most containers of users that are kept, all users together. The processes of those beyond are the host's.
pub(super) const MAX_CLAIMS: usize = 4_096;

/// By what is claimed.
#[derive(Debug, Default)]
pub(super) struct Claims {
    by_claimed: FxHashMap<String, Vec<ContainerKey>>,
    /// How many there are of users.
    of_users: usize,
    /// Whether it was said that there are too many.
    said: bool,
}

impl Claims {
    /// The claim of that id for which `is_it` holds.
    pub(super) fn find(&self, claimed: &str, is_it: impl Fn(&ContainerKey) -> bool) -> Option<ContainerKey> {
        self.by_claimed.get(claimed)?.iter().copied().find(is_it)
    }
}

impl Containers {
    /// Whether there is room for one more of that owner.
    pub(super) fn has_room_for(&mut self, owner: Owner) -> bool {
        let has_room = owner.is_machine() || self.claims.of_users < MAX_CLAIMS;
        if !has_room && !std::mem::replace(&mut self.claims.said, true) {
            self.notes.push(format!(
                "users have created more than {MAX_CLAIMS} containers; processes in the others are shown as the \
                    host's\nhint: user {owner} created the last one"
            ));
        }
        has_room
    }

    /// From now on the row is the container that was found in a path.
    pub(super) fn bind(&mut self, key: ContainerKey, found: &Found, owner: Owner) {
        // In containers there may be many of one name.
        let is_ambiguous = !matches!(found.id, Id::Digits(_)) && owner.is_machine() && !found.around.is_empty();
        let claimed = (!is_ambiguous).then(|| found.claimed());
        if let Some(row) = self.row(key) {
            row.parent.clone_from(&found.parent);
            row.path.clone_from(&found.path);
            row.container.pod.clone_from(&found.pod);
            row.container.unit.clone_from(&found.unit);
        }
        self.bind_as(key, found.identity(owner), claimed, owner);
    }

    /// From now on the row is a container of that owner after all, as a capture tells.
    pub(super) fn bind_anew(&mut self, key: ContainerKey, owner: Owner) {
        let Some(row) = self.row(key) else { return };
        let (Some(old), claimed) = (row.identity.take(), row.claimed.clone()) else { return };
        let identity = runtime::identity(&claimed, owner, &row.container.around);
        self.by_identity.remove(&old);
        self.bind_as(key, identity, Some(claimed), owner);
    }

    fn bind_as(&mut self, key: ContainerKey, identity: String, claimed: Option<String>, owner: Owner) {
        self.by_identity.insert(identity.clone(), key);
        self.claims.of_users += usize::from(!owner.is_machine());
        if let Some(row) = self.row(key) {
            row.identity = Some(identity.clone());
            row.claimed = claimed.clone().unwrap_or_default();
            row.container.owner = owner;
        }
        let Some(claimed) = claimed else { return };
        if identity != claimed {
            self.claims.by_claimed.entry(claimed.clone()).or_default().push(key);
        }
        let of_machine = self.by_identity.contains_key(&claimed);
        let others = self.claims.by_claimed.get(&claimed).filter(|claims| of_machine || claims.len() > 1);
        for key in others.cloned().unwrap_or_default() {
            self.mark(key);
        }
    }

    /// Shows who claims the id.
    fn mark(&mut self, key: ContainerKey) {
        let Some(Row { container, .. }) = self.row(key) else { return };
        let who = if container.owner.is_machine() {
            container.around.first().cloned()
        } else {
            Some(container.owner.to_string())
        };
        if let Some(who) = who.filter(|_| !container.id.contains('@')) {
            container.id = format!("{}@{who}", container.id);
            container.full_id = format!("{}@{who}", container.full_id);
            self.by_shown.take();
            self.changed = true;
        }
    }

    /// A container is forgotten.
    pub(super) fn unclaim(&mut self, key: ContainerKey, row: &Row) {
        let Some(identity) = &row.identity else { return };
        if self.by_identity.get(identity) == Some(&key) {
            self.by_identity.remove(identity);
        }
        self.claims.of_users -= usize::from(!row.container.owner.is_machine());
        if let Some(claims) = self.claims.by_claimed.get_mut(&row.claimed) {
            claims.retain(|other| *other != key);
            if claims.is_empty() {
                self.claims.by_claimed.remove(&row.claimed);
            }
        }
    }
}
