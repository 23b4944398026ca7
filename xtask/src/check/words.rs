//! Words that make prose hard to read, and what to write instead: one list, looked for in everything that a user reads.
//!
//! That is `README.md`, the pages in `docs` (decisions left out), texts in the program (messages, help, field
//! descriptions), doc comments that become help, the heads and texts of chisels, and the template of a new chisel. Other
//! comments are not looked at.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::command::workspace;

mod prose;

use prose::Prose;

/// A phrase, what to write instead, and the contexts in which it is plain English.
struct Row {
    phrase: &'static str,
    instead: &'static str,
    fine: &'static [&'static str],
}

const fn row(phrase: &'static str, instead: &'static str) -> Row {
    Row { phrase, instead, fine: &[] }
}

impl Row {
    const fn fine(mut self, fine: &'static [&'static str]) -> Self {
        self.fine = fine;
        self
    }
}

/// The list. `^` before a phrase: only where a text, a paragraph or a cell of a table begins with it.
const ROWS: &[Row] = &[
    row("is another than", "differs from"),
    row("another one than", "differs from"),
    row("what is another", "differences"),
    row("is another one", "is different"),
    row("behind", "after; filtered by; downstream of"),
    row("in front of", "before"),
    row("is none", "is not a …, cannot be …").fine(&["there is none"]),
    row("are none", "are not …, cannot be …").fine(&["there are none"]),
    row("so many", "the number itself: N, this many, after N events"),
    row("so much", "the number itself: N, this much"),
    row("nobody", "nothing, no output, no option").fine(&["-- nobody", "-u nobody", "user nobody"]),
    row("anybody", "anything, any output, any option"),
    row("somebody", "something, or who it is"),
    row("goes on", "continues"),
    row("go on as", "switches to"),
    row("go on with", "continue with"),
    row("stands in", "is in").fine(&["stands in for"]),
    row("stand in", "are in").fine(&["stand in for"]),
    row("stands at", "is at"),
    row("stands on", "is on"),
    row("stands above", "is above"),
    row("stands before", "is before"),
    row("stands without", "has no …"),
    row("stand at", "are at"),
    row("of what", "whose; name the thing"),
    row("that of", "whose; name the thing"),
    row("^the same", "like NAME, but …"),
    row("not told from", "cannot be distinguished from"),
    row("has no use for", "ignores, does not need"),
    row("have no use for", "ignore, do not need"),
    row("queries of DNS", "DNS queries"),
    row("message of DNS", "DNS message"),
    row("requests of HTTP", "HTTP requests"),
    row("request of HTTP", "HTTP request"),
    row("message of HTTP", "HTTP message"),
    row("ports of servers", "server ports"),
    row("as ever", "as before, unchanged"),
    row("as usual with", "as before, unchanged"),
    row("go on without", "keep running without"),
    row("goes on without", "keeps running without"),
    row("is gone", "was removed, does not exist, has exited"),
    row("are gone", "were removed, do not exist, have exited"),
    row("is not there", "does not exist, is missing"),
    row("are not there", "do not exist, are missing"),
    row("year of a file", "path, file"),
    row("place of a file", "path, file"),
    row("lets through", "matches, accepts"),
    row("let through", "match, accept"),
    row("how grave", "severity"),
];

/// Places where a phrase is meant literally: file, and the words around it.
const ALLOWED: &[(&str, &str)] = &[];

/// Folders, and what of them is read.
const SCOPE: &[(&str, &str)] = &[
    ("README.md", "md"),
    ("docs", "md"),
    ("chisels", "rhai"),
    ("tracer/src/cli/skeleton.rhai", "rhai"),
    ("tracer/src", "rs"),
    ("tracer-common/src/events", "rs"),
];

/// Below these, prose is for developers.
const LEFT_OUT: &[&str] = &["docs/decisions"];

/// A phrase at a place.
#[derive(Debug, PartialEq, Eq)]
struct Hit {
    file: String,
    line: usize,
    phrase: &'static str,
    instead: &'static str,
}

/// Fails if a user reads one of the phrases.
pub(super) fn check() -> Result<()> {
    let workspace = workspace();
    let mut files = Vec::new();
    for (start, extension) in SCOPE {
        collect(&workspace, Path::new(start), extension, &mut files)?;
    }
    let mut hits = Vec::new();
    let mut used = vec![false; ALLOWED.len()];
    for file in files {
        let text =
            fs::read_to_string(workspace.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.to_string_lossy();
        hits.extend(look(&name, &text, ALLOWED, &mut used));
    }
    let unused: Vec<String> = ALLOWED
        .iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|((file, text), _)| format!("{file}: allowed '{text}' does not occur: remove it from the list"))
        .collect();
    let lines: Vec<String> =
        hits.iter().map(|hit| format!("{}:{}: '{}'; write: {}", hit.file, hit.line, hit.phrase, hit.instead)).collect();
    if lines.is_empty() && unused.is_empty() {
        return Ok(());
    }
    bail!("{}", [lines, unused].concat().join("\n"));
}

/// The files below `path` that have the extension, in order.
fn collect(workspace: &Path, path: &Path, extension: &str, out: &mut Vec<PathBuf>) -> Result<()> {
    if LEFT_OUT.iter().any(|left_out| path == Path::new(left_out)) {
        return Ok(());
    }
    let whole = workspace.join(path);
    if whole.is_file() {
        if path.extension().is_some_and(|found| found == extension) {
            out.push(path.to_owned());
        }
        return Ok(());
    }
    let entries = fs::read_dir(&whole).with_context(|| format!("cannot read {}", path.display()))?;
    let mut names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.iter().try_for_each(|name| collect(workspace, &path.join(name), extension, out))
}

/// The phrases in the prose of a file. `used` learns which of the allowed places occurred.
fn look(file: &str, text: &str, allowed: &[(&str, &str)], used: &mut [bool]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for piece in Prose::of(file, text) {
        for row in ROWS {
            for found in places(&piece.text, row) {
                let mut is_allowed = false;
                for ((at, around), used) in allowed.iter().zip(used.iter_mut()) {
                    if *at == file && covers(&piece.text, &around.to_lowercase(), &found) {
                        *used = true;
                        is_allowed = true;
                    }
                }
                if !is_allowed {
                    let phrase = row.phrase.trim_start_matches('^');
                    let line = piece.line_of(found.start);
                    hits.push(Hit { file: file.to_owned(), line, phrase, instead: row.instead });
                }
            }
        }
    }
    hits.sort_by_key(|hit| hit.line);
    hits
}

/// Where a phrase is in a text of small letters and single blanks, as whole words and not in a context that is fine.
fn places(text: &str, row: &Row) -> Vec<Range<usize>> {
    let phrase = row.phrase.trim_start_matches('^').to_lowercase();
    let only_first = row.phrase.starts_with('^');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&phrase)
        .map(|(at, found)| at..at + found.len())
        .filter(|at| !text[..at.start].ends_with(is_word) && !text[at.end..].starts_with(is_word))
        .filter(|at| !only_first || at.start == 0 || begins(&text[..at.start]))
        .filter(|at| !row.fine.iter().any(|fine| covers(text, &fine.to_lowercase(), at)))
        .collect()
}

/// Whether a paragraph or a cell begins after this.
fn begins(before: &str) -> bool {
    before.trim_end_matches(' ').ends_with(['|', prose::BREAK])
}

/// Whether the words around a place are these.
fn covers(text: &str, around: &str, at: &Range<usize>) -> bool {
    text.match_indices(around).any(|(start, _)| start <= at.start && at.end <= start + around.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str, allowed: &[(&str, &str)]) -> Vec<(usize, &'static str)> {
        let mut used = vec![false; allowed.len()];
        look(file, text, allowed, &mut used).iter().map(|hit| (hit.line, hit.phrase)).collect()
    }

    #[test]
    fn phrases_are_found_as_words_also_over_the_end_of_a_line() {
        let text = "# Title\n\nIt stands\nin a file. Behind it,\n\nnobody; behindhand.\n\n```\nbehind\n```\n";
        assert_eq!(found("docs/a.md", text, &[]), [(3, "stands in"), (4, "behind"), (6, "nobody")]);
        assert_eq!(found("docs/a.md", "| a | the same |\n| b | is the same |\n", &[]), [(1, "the same")]);
        assert_eq!(found("docs/a.md", "there is none\nit is none\n", &[]), [(2, "is none")]);
    }

    #[test]
    fn of_a_program_only_texts_and_help_are_read() {
        let rust = "//! Behind.\n/// Behind, in a doc comment.\nfn f() {\n    // behind\n    let a = \"it is gone\";\n}\n\
            /// The option that is gone\n#[arg(long)]\nb: bool,\n/// Behind.\n#[derive(ValueEnum)]\nenum E {\n    /// So many.\n    A,\n}\n#[cfg(test)]\nmod tests {\n    \"behind\"\n}\n";
        assert_eq!(found("tracer/src/a.rs", rust, &[]), [(5, "is gone"), (7, "is gone"), (13, "so many")]);
        let rhai = "// Behind.\nchisel(#{ summary: \"as \" +\n    \"ever\" });\n// behind\nprint(\"so many\");\n";
        assert_eq!(found("chisels/a.rhai", rhai, &[]), [(1, "behind"), (2, "as ever"), (5, "so many")]);
    }

    #[test]
    fn an_allowed_place_is_not_reported_and_its_use_is_known() {
        let allowed = [("docs/a.md", "behind a firewall"), ("docs/b.md", "behind a door")];
        let mut used = [false; 2];
        let hits = look("docs/a.md", "A host\nbehind a\nfirewall, behind a door.\n", &allowed, &mut used);
        assert_eq!(hits.iter().map(|hit| hit.line).collect::<Vec<_>>(), [3]);
        assert_eq!(used, [true, false]);
    }

    #[test]
    fn each_phrase_is_in_the_list_once_and_has_a_better_one() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(!row.instead.is_empty() && row.phrase == row.phrase.trim(), "{}", row.phrase);
            assert!(ROWS[..at].iter().all(|other| other.phrase != row.phrase), "{} twice", row.phrase);
        }
    }
}
