//! Shell patterns over whole texts, as fnmatch(3) without flags: `*` also crosses slashes.

/// Whether `text` matches `pattern`, in whatever case of ASCII letters when `fold` is set; the pattern is in lower case
/// then. No memory, and time up to the product of the two lengths.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when a literal does not fit: behind the last star, one byte further.
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            back = Some((p, t));
            continue;
        }
        let byte = if fold { text[t].to_ascii_lowercase() } else { text[t] };
        match one(&pattern[p..], byte) {
            Some(len) => {
                p += len;
                t += 1;
            }
            None => match &mut back {
                Some((star, from)) => {
                    *from += 1;
                    (p, t) = (*star, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// What a simple pattern asks: a star at one or both ends of plain text, or no star.
#[derive(Debug, PartialEq, Eq)]
pub enum Simple<'p> {
    /// The whole text.
    Is(&'p [u8]),
    /// The beginning.
    Starts(&'p [u8]),
    /// The end.
    Ends(&'p [u8]),
    /// A part.
    Contains(&'p [u8]),
}

/// The simple form of a pattern, if it has one: that is tested faster.
#[must_use]
pub fn simple(pattern: &[u8]) -> Option<Simple<'_>> {
    let starts = pattern.first() == Some(&b'*');
    let inner = if starts { &pattern[1..] } else { pattern };
    let ends = inner.last() == Some(&b'*');
    let inner = if ends { &inner[..inner.len() - 1] } else { inner };
    if inner.iter().any(|byte| b"*?[\\".contains(byte)) {
        return None;
    }
    Some(match (starts, ends) {
        (false, false) => Simple::Is(inner),
        (false, true) => Simple::Starts(inner),
        (true, false) => Simple::Ends(inner),
        (true, true) => Simple::Contains(inner),
    })
}

/// The length of the first element of the pattern if it fits the byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', class @ ..] => match set(class, byte) {
            Some((hit, len)) => hit.then_some(len + 1),
            // Without its bracket it stands for itself.
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// Whether the byte is in the set, and the length of the set with its closing bracket.
fn set(class: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(class.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let start = at;
    let mut hit = false;
    loop {
        let low = *class.get(at)?;
        if low == b']' && at > start {
            return Some((hit != negated, at + 1));
        }
        if let Some((named, len)) = named_class(&class[at..], byte) {
            hit |= named;
            at += len;
            continue;
        }
        // A backslash takes its meaning from a bracket, a minus and itself.
        let escaped = usize::from(low == b'\\' && class.len() > at + 1);
        let low = class[at + escaped];
        at += escaped + 1;
        match class.get(at..at + 2) {
            Some(&[b'-', high]) if high != b']' => {
                hit |= (low..=high).contains(&byte);
                at += 2;
            }
            _ => hit |= low == byte,
        }
    }
}

/// A class of characters: its name with brackets, and what is in it.
type Named = (&'static [u8], fn(&u8) -> bool);

/// Whether the byte is in a class such as `[:alpha:]`, and the length of its name with brackets.
fn named_class(text: &[u8], byte: u8) -> Option<(bool, usize)> {
    const CLASSES: [Named; 12] = [
        (b"[:alnum:]", u8::is_ascii_alphanumeric),
        (b"[:alpha:]", u8::is_ascii_alphabetic),
        (b"[:blank:]", |byte| matches!(byte, b' ' | b'\t')),
        (b"[:cntrl:]", u8::is_ascii_control),
        (b"[:digit:]", u8::is_ascii_digit),
        (b"[:graph:]", u8::is_ascii_graphic),
        (b"[:lower:]", u8::is_ascii_lowercase),
        (b"[:print:]", |byte| byte.is_ascii_graphic() || *byte == b' '),
        (b"[:punct:]", u8::is_ascii_punctuation),
        (b"[:space:]", |byte| byte.is_ascii_whitespace() || *byte == 11),
        (b"[:upper:]", u8::is_ascii_uppercase),
        (b"[:xdigit:]", u8::is_ascii_hexdigit),
    ];
    let (name, has) = CLASSES.iter().find(|(name, _)| text.starts_with(name))?;
    Some((has(&byte), name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("*", "", true),
            ("/etc/*", "/etc/ssh/sshd_config", true),
            ("*.log", "a.log.1", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("[a\\]]", "]", true),
            ("[\\\\]", "\\", true),
            ("[[:digit:]_]*", "7x", true),
            ("[[:digit:]_]*", "x7", false),
            ("[^[:alpha:]]", "7", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} {text}");
        }
        assert!(matches(b"a[b-d]*", b"ACxY", true) && !matches(b"a[b-d]*", b"ACxY", false));
    }

    #[test]
    fn simple_patterns_say_the_same() {
        let texts: [&[u8]; 7] = [b"", b"ab", b"xab", b"abx", b"xabx", b"a", b"b"];
        for pattern in ["ab", "ab*", "*ab", "*ab*", "*", "**", "", "*a"] {
            let simple = simple(pattern.as_bytes()).unwrap();
            for text in texts {
                let hit = match &simple {
                    Simple::Is(part) => text == *part,
                    Simple::Starts(part) => text.starts_with(part),
                    Simple::Ends(part) => text.ends_with(part),
                    Simple::Contains(part) => part.is_empty() || text.windows(part.len()).any(|two| two == *part),
                };
                assert_eq!(hit, matches(pattern.as_bytes(), text, false), "{pattern} {text:?}");
            }
        }
        assert_eq!(simple(b"a*b"), None);
        assert_eq!(simple(b"a\\**"), None);
    }
}
