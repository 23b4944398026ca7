//! Tables in pages of the documentation that a task measures and fills in, between two lines of its own.

use std::fs;

use anyhow::{Context as _, Result};

use crate::command::workspace;

/// Puts `text` between the lines `<!-- NAME: begin -->` and `<!-- NAME: end -->` of a page.
///
/// # Errors
/// The page cannot be read or written, or has no such lines.
pub(crate) fn fill(file: &str, name: &str, text: &str) -> Result<()> {
    let path = workspace().join(file);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let page = replaced(&page, name, text).with_context(|| format!("{file} has no lines '<!-- {name}: begin -->'"))?;
    fs::write(&path, page).with_context(|| format!("cannot write {file}"))
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_is_between_the_lines_changes() {
        let page = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        let new = "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").as_deref(), Some(new));
        assert_eq!(replaced(page, "y", "new\n"), None);
    }
}
