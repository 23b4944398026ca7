//! Which entries are wanted: values that they have to have, as journalctl(1) takes them.

use super::file::JournalEntry;

/// Any of these values, each as `FIELD=value`.
pub type Term = Vec<Vec<u8>>;

/// What an entry has to have: of one of the alternatives all terms. Without alternatives every entry is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// The alternatives.
    pub alternatives: Vec<Vec<Term>>,
}

/// The message of a core dump. Source: systemd, `src/systemd/sd-messages.h`.
const CORE_DUMP: &str = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1";
/// How names of units end. Source: systemd.unit(5).
const SUFFIXES: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

impl Matches {
    /// Whether an entry has what it has to.
    #[must_use]
    pub fn have(&self, entry: &JournalEntry) -> bool {
        let has = |value: &Vec<u8>| entry.fields.iter().any(|field| field.bytes() == value);
        let all = |terms: &Vec<Term>| terms.iter().all(|term| term.iter().any(has));
        self.alternatives.is_empty() || self.alternatives.iter().any(all)
    }

    /// What has all of that as well.
    pub fn and(&mut self, term: Term) {
        if self.alternatives.is_empty() {
            self.alternatives.push(Vec::new());
        }
        self.alternatives.iter_mut().for_each(|terms| terms.push(term.clone()));
    }

    /// What is one of these as well.
    pub fn and_any(&mut self, others: &[Vec<Term>]) {
        let own = std::mem::take(&mut self.alternatives);
        let own = if own.is_empty() { vec![Vec::new()] } else { own };
        for terms in own {
            self.alternatives.extend(others.iter().map(|more| [&terms[..], more].concat()));
        }
    }
}

fn term(values: &[&str]) -> Term {
    values.iter().map(|value| value.as_bytes().to_vec()).collect()
}

/// The whole name of a unit: without an ending it is a service.
#[must_use]
pub fn unit_name(name: &str) -> String {
    if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) { name.to_owned() } else { format!("{name}.service") }
}

/// The messages of a unit: its own, and what systemd says of it. Source: systemd, `add_matches_for_unit` of `src/shared/logs-show.c`.
#[must_use]
pub fn of_unit(unit: &str) -> Vec<Vec<Term>> {
    let is = |field: &str| term(&[&format!("{field}={unit}")]);
    let mut all = vec![
        vec![is("_SYSTEMD_UNIT")],
        vec![term(&[CORE_DUMP]), term(&["_UID=0"]), is("COREDUMP_UNIT")],
        vec![term(&["_PID=1"]), is("UNIT")],
        vec![term(&["_UID=0"]), is("OBJECT_SYSTEMD_UNIT")],
    ];
    if unit.ends_with(".slice") {
        all.push(vec![is("_SYSTEMD_SLICE")]);
    }
    all
}

/// The fields that name units, for patterns.
pub const UNIT_FIELDS: [&str; 4] = ["_SYSTEMD_UNIT", "COREDUMP_UNIT", "UNIT", "OBJECT_SYSTEMD_UNIT"];

/// `FIELD=value` of the command line: those of one field are alternatives, and `+` separates alternatives of all.
///
/// # Errors
/// A word is none.
pub fn of_words(words: &[String]) -> Result<Vec<Vec<Term>>, String> {
    let mut all = Vec::new();
    for group in words.split(|word| word == "+") {
        let mut terms: Vec<(&str, Term)> = Vec::new();
        for word in group {
            let Some((name, _)) = word.split_once('=').filter(|(name, _)| is_name(name)) else {
                return Err(format!("'{word}' is no match of the form FIELD=VALUE"));
            };
            match terms.iter_mut().find(|(its, _)| *its == name) {
                Some((_, term)) => term.push(word.clone().into_bytes()),
                None => terms.push((name, vec![word.clone().into_bytes()])),
            }
        }
        if !terms.is_empty() {
            all.push(terms.into_iter().map(|(_, term)| term).collect());
        }
    }
    Ok(all)
}

/// Whether a field can be called so. Source: systemd.journal-fields(7).
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_field_are_alternatives_and_fields_are_not() {
        let words = ["_UID=0", "_UID=1", "PRIORITY=3", "+", "_PID=1"].map(str::to_owned);
        let all = of_words(&words).unwrap();
        assert_eq!(all, [vec![term(&["_UID=0", "_UID=1"]), term(&["PRIORITY=3"])], vec![term(&["_PID=1"])]]);
        let mut matches = Matches { alternatives: all };
        matches.and(term(&["_BOOT_ID=x"]));
        matches.and_any(&of_unit("a.service"));
        assert_eq!(matches.alternatives.len(), 8);
        assert_eq!(matches.alternatives[0].len(), 4);
        for wrong in ["x", "=1", "message=1", "1A=2", "+X=1"] {
            assert!(of_words(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn units_without_an_ending_are_services() {
        assert_eq!(unit_name("ssh"), "ssh.service");
        assert_eq!(unit_name("a.b"), "a.b.service");
        assert_eq!(unit_name("user.slice"), "user.slice");
    }
}
