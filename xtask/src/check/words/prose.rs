//! What of a file is prose that a user reads.

/// Between paragraphs, texts and cells: no phrase goes over it.
pub(super) const BREAK: char = '\n';

/// A piece of prose: small letters, single blanks, and the line of each byte.
#[derive(Debug, Default)]
pub(super) struct Prose {
    pub(super) text: String,
    lines: Vec<usize>,
}

impl Prose {
    /// The pieces of a file, by its name.
    pub(super) fn of(file: &str, text: &str) -> Vec<Self> {
        match file.rsplit('.').next() {
            Some("rs") => rust(text),
            // All comments of the template of a new chisel are for its user.
            Some("rhai") => chisel(text, file.ends_with("skeleton.rhai")),
            _ => vec![markdown(text)],
        }
    }

    /// The line of a byte, from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.get(at).copied().unwrap_or(0)
    }

    fn push(&mut self, c: char, line: usize) {
        let c = if c.is_whitespace() && c != BREAK { ' ' } else { c };
        let is_blank = matches!(c, ' ' | BREAK);
        if is_blank && (self.text.ends_with([' ', BREAK]) || self.text.is_empty()) {
            if c == BREAK && self.text.ends_with(' ') {
                self.text.pop();
                self.text.push(BREAK);
            }
            return;
        }
        for small in c.to_lowercase() {
            self.text.push(small);
            self.lines.resize(self.text.len(), line);
        }
    }

    fn push_all(&mut self, text: &str, line: usize) {
        text.chars().for_each(|c| self.push(c, line));
    }
}

/// A page without its examples.
fn markdown(text: &str) -> Prose {
    let mut prose = Prose::default();
    let mut is_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            prose.push(BREAK, at + 1);
        } else if line.trim().is_empty() || line.starts_with("    ") {
            prose.push(BREAK, at + 1);
        } else if !is_code {
            let starts = line.trim_start().starts_with(['|', '#', '-']);
            prose.push(if starts { BREAK } else { ' ' }, at + 1);
            prose.push_all(line, at + 1);
        }
    }
    prose
}

/// Texts of a program, and doc comments that become help: those of options and of their values.
fn rust(text: &str) -> Vec<Prose> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let code = &text[..end];
    let mut all = literals(code, "//");
    let mut docs: Vec<(usize, &str)> = Vec::new();
    // Until its closing bracket, each item of an enumeration is a value of an option.
    let mut is_values = false;
    for (at, line) in code.lines().enumerate() {
        let is_end = line == "}";
        let line = line.trim_start();
        if let Some(doc) = line.strip_prefix("///") {
            docs.push((at + 1, doc));
            continue;
        }
        if is_end || line.starts_with("#[derive(") {
            is_values = line.contains("ValueEnum");
            docs.clear();
            continue;
        }
        let is_value = is_values && line.ends_with(',');
        let is_option = line.starts_with("#[arg(") && !line.contains("skip") || line.starts_with("#[command(");
        let is_help = is_option || is_value;
        // Other attributes may be between.
        if is_help {
            let mut prose = Prose::default();
            docs.iter().for_each(|(line, doc)| prose.push_all(doc, *line));
            all.push(prose);
        }
        if !line.starts_with("#[") || is_help {
            docs.clear();
        }
    }
    all
}

/// The head of a chisel, or all of its comments, and its texts.
fn chisel(text: &str, all_comments: bool) -> Vec<Prose> {
    let mut head = Prose::default();
    for (at, line) in text.lines().enumerate() {
        let Some(line) = line.trim_start().strip_prefix("//") else {
            if all_comments {
                head.push(BREAK, at + 1);
                continue;
            }
            break;
        };
        head.push(if line.is_empty() { BREAK } else { ' ' }, at + 1);
        head.push_all(line, at + 1);
    }
    let mut all = vec![head];
    all.extend(literals(text, "//"));
    all
}

/// Texts between double quotes or backquotes. Those joined by `+`, or by an escaped end of line, are one.
fn literals(code: &str, comment: &str) -> Vec<Prose> {
    let mut all: Vec<Prose> = Vec::new();
    let mut between = String::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with(comment) {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        // A character, or a lifetime.
        if c == '\'' {
            let len = character_len(rest);
            rest = &rest[len..];
            between.push(c);
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if !matches!(c, '"' | '`') {
            line += usize::from(c == '\n');
            between.push(c);
            continue;
        }
        let hashes = between.len() - between.trim_end_matches('#').len();
        let is_raw = between[..between.len() - hashes].ends_with('r');
        // The reason of a lint is for developers.
        let is_shown = !between.trim_end().ends_with("reason =");
        let (body, after) = if is_raw { raw(rest, hashes) } else { quoted(rest, c) };
        if between.trim() != "+" || all.is_empty() {
            all.push(Prose::default());
        }
        between.clear();
        if let Some(prose) = all.last_mut() {
            add(prose, body, &mut line);
        }
        if !is_shown {
            all.pop();
        }
        rest = after;
    }
    all
}

/// Appends a text as it is printed, near enough: escapes are blanks, empty lines are breaks.
fn add(prose: &mut Prose, body: &str, line: &mut usize) {
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                prose.push(if chars.peek() == Some(&'\n') { BREAK } else { ' ' }, *line);
                *line += 1;
            }
            '\\' => match chars.next() {
                Some('\n') => {
                    prose.push(' ', *line);
                    *line += 1;
                }
                Some('n') => prose.push(BREAK, *line),
                Some(c @ ('"' | '\\')) => prose.push(c, *line),
                _ => prose.push(' ', *line),
            },
            c => prose.push(c, *line),
        }
    }
}

/// The length of a character literal with its quotes; of a lifetime, that of the quote.
fn character_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => chars.skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        None => 1,
    }
}

/// What is between the quotes, and what follows.
fn quoted(text: &str, quote: char) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            c if c == quote && !is_escaped => return (&text[..at], &text[at + 1..]),
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    (text, "")
}

/// As [`quoted`], for a raw text that ends in so many hashes.
fn raw(text: &str, hashes: usize) -> (&str, &str) {
    let end = format!("\"{}", "#".repeat(hashes));
    text.split_once(end.as_str()).unwrap_or((text, ""))
}
