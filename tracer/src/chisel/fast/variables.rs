//! The variables of the script during a run: they are changed in place, and changed back when the interpreter has to run the
//! function after all.
//!
//! The interpreter counts all of `this` when a property of it is set. Here the sizes are kept instead: they are counted when
//! they are asked for and not known, which is about the work that the interpreter has, and from then on only what is added and
//! taken away.

use std::mem;

use rhai::{Dynamic, ImmutableString, Map};

use super::{super::sizes::Sizes, node::Name, ops::Math, value::Value};

/// What was there before.
#[derive(Debug)]
enum Change {
    /// A property of `this`.
    Property(Name, Option<Dynamic>),
    /// An entry of a map that is a property of `this`.
    Entry(Name, ImmutableString, Option<Dynamic>),
}

/// What is kept from run to run.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Changes of this run. Empty between runs.
    changes: Vec<Change>,
    /// Of all of `this`, as long as nobody else has changed it.
    sizes: Option<Sizes>,
}

impl Kept {
    /// The interpreter may have changed everything.
    pub(super) fn forget(&mut self) {
        self.sizes = None;
    }
}

/// The variables.
#[derive(Debug)]
pub(super) struct Variables<'v> {
    map: &'v mut Map,
    kept: &'v mut Kept,
}

impl<'v> Variables<'v> {
    pub(super) fn new(map: &'v mut Map, kept: &'v mut Kept) -> Self {
        Self { map, kept }
    }

    /// Changes stay.
    pub(super) fn keep(self) {
        self.kept.changes.clear();
    }

    /// All is as it was before the run.
    pub(super) fn undo(self) {
        let map = self.map;
        for change in self.kept.changes.drain(..).rev() {
            match change {
                Change::Property(name, old) => restore(map, &name, old),
                Change::Entry(name, key, old) => {
                    if let Some(mut inner) = map.get_mut(&*name).and_then(|value| value.write_lock::<Map>()) {
                        restore(&mut inner, &key, old);
                    }
                }
            }
        }
        self.kept.forget();
    }

    /// `this.NAME`
    pub(super) fn get(&self, name: &Name) -> Option<&Dynamic> {
        self.map.get(&**name).filter(|value| !value.is_shared())
    }

    /// `this.NAME[key]`
    pub(super) fn entry(&self, name: &Name, key: &Value) -> Option<Value> {
        let Value::Text(key) = key else { return None };
        Value::of(self.get(name)?.read_lock::<Map>()?.get(key.as_str())?)
    }

    /// `this.NAME = right`, or `this.NAME op= right`.
    pub(super) fn set(&mut self, name: &Name, math: Option<Math>, right: Value) -> Option<()> {
        let before = self.sizes()?;
        let old = self.map.get_mut(&**name);
        let new = New::of(old.as_deref(), math, right)?;
        let sizes = before.without(new.taken).with(new.added);
        if !sizes.are_allowed() {
            return None;
        }
        self.kept.sizes = Some(sizes);
        let old = match old {
            Some(old) => Some(mem::replace(old, new.value)),
            None => self.map.insert((**name).into(), new.value),
        };
        self.kept.changes.push(Change::Property(name.clone(), old));
        Some(())
    }

    /// `this.NAME[key] = right`, or `this.NAME[key] op= right`. The interpreter does not count the map for that.
    pub(super) fn set_entry(&mut self, name: &Name, key: &Value, math: Option<Math>, right: Value) -> Option<()> {
        let Value::Text(key) = key else { return None };
        let outer = self.map.get_mut(&**name).filter(|value| !value.is_shared() && !value.is_read_only())?;
        let mut inner = outer.write_lock::<Map>()?;
        let old = inner.get_mut(key.as_str());
        let new = New::of(old.as_deref(), math, right)?;
        if !new.added.are_allowed() {
            return None;
        }
        self.kept.sizes = self.kept.sizes.map(|sizes| sizes.without(new.taken).with(new.added));
        let old = match old {
            Some(old) => Some(mem::replace(old, new.value)),
            None => inner.insert(key.as_str().into(), new.value),
        };
        self.kept.changes.push(Change::Entry(name.clone(), key.clone(), old));
        Some(())
    }

    /// Whether the language allows all that is there.
    pub(super) fn are_allowed(&mut self) -> bool {
        self.sizes().is_some_and(Sizes::are_allowed)
    }

    fn sizes(&mut self) -> Option<Sizes> {
        if self.kept.sizes.is_none() {
            self.kept.sizes = Sizes::of_map(self.map);
        }
        self.kept.sizes
    }
}

fn restore(map: &mut Map, key: &str, old: Option<Dynamic>) {
    match (map.get_mut(key), old) {
        (Some(value), Some(old)) => *value = old,
        (_, Some(old)) => _ = map.insert(key.into(), old),
        (_, None) => _ = map.remove(key),
    }
}

/// What a variable is going to be.
struct New {
    value: Dynamic,
    taken: Sizes,
    added: Sizes,
}

impl New {
    fn of(old: Option<&Dynamic>, math: Option<Math>, right: Value) -> Option<Self> {
        let value = match (old, math) {
            (Some(old), _) if old.is_shared() || old.is_read_only() => return None,
            (Some(old), Some(math)) => math.assign(&Value::of(old)?, &right)?,
            (None, Some(_)) => return None,
            (_, None) => right,
        };
        let (taken, one_more) = match old {
            Some(old) => (Sizes::of(old)?, Sizes::default()),
            None => (Sizes::default(), Sizes::entry()),
        };
        let added = value.sizes()?.with(one_more);
        Some(Self { value: value.into_dynamic(), taken, added })
    }
}
