//! Cuts a stream of JSON into its objects, while it comes: no more of it is kept than the object that is being read.
//!
//! What an engine sends is not trusted. Nothing here recurses or grows with the input: depth is a number, an object longer
//! than [`MAX_VALUE`] is skipped and counted, and what is between objects is dropped. Whether an object is well formed is
//! for the parser that gets it to decide.

/// The longest object that is kept, bytes. An inspection of a container with hundreds of mounts and labels has 100 KiB.
pub const MAX_VALUE: usize = 1 << 20;
/// How much room is kept for the next object, bytes.
const KEPT_ROOM: usize = 64 << 10;

/// Where the objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One after the other, as events come. A single object is such a stream, too.
    Sequence,
    /// In one array, as lists come.
    Array,
    /// In an array that is a member of one object, as LXD wraps its lists.
    Wrapped,
}

/// Why a stream cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// A list was expected.
    #[error("its answer is not a list")]
    NoList,
    /// A bracket closes that was not opened.
    #[error("its answer is not JSON")]
    NoJson,
}

/// The state between two pieces of the stream.
#[derive(Debug)]
pub struct Cutter {
    form: Form,
    /// How many brackets are open.
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    /// Whether the whole has ended.
    done: bool,
    /// The beginning of an object whose end has not come.
    object: Vec<u8>,
    /// Whether the current object is too long, so that nothing of it is kept.
    too_long: bool,
    skipped: u64,
}

impl Cutter {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            depth: 0,
            in_string: false,
            after_backslash: false,
            done: false,
            object: Vec::new(),
            too_long: false,
            skipped: 0,
        }
    }

    /// How many objects were longer than [`MAX_VALUE`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether the whole has ended: no object can follow.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// How many brackets are open around an object.
    fn base(&self) -> u32 {
        match self.form {
            Form::Sequence => 0,
            Form::Array => 1,
            Form::Wrapped => 2,
        }
    }

    /// How the whole begins, if that matters.
    fn opening(&self) -> Option<u8> {
        match self.form {
            Form::Sequence => None,
            Form::Array => Some(b'['),
            Form::Wrapped => Some(b'{'),
        }
    }

    /// Takes the next piece, and calls `visit` with each object that ends in it.
    ///
    /// # Errors
    /// The stream is not what was expected; nothing can be learned from the rest of it.
    pub fn push(&mut self, piece: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<(), CutError> {
        let base = self.base();
        // Where the part of the current object begins that is in this piece.
        let mut from = 0;
        let mut at = 0;
        while let Some(byte) = piece.get(at).copied().filter(|_| !self.done) {
            at += 1;
            if self.in_string {
                match (self.after_backslash, byte) {
                    (true, _) => self.after_backslash = false,
                    (false, b'\\') => self.after_backslash = true,
                    (false, b'"') => self.in_string = false,
                    (false, _) => {
                        let rest = &piece[at..];
                        at += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    if self.depth == 0 && self.opening().is_some_and(|opening| opening != byte) {
                        return Err(CutError::NoList);
                    }
                    if self.depth == base && byte == b'{' {
                        from = at - 1;
                        self.too_long = false;
                        self.object.clear();
                    }
                    // What is in an array where an object is expected is not kept, but its brackets count.
                    self.too_long |= self.depth == base && byte == b'[';
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(CutError::NoJson)?;
                    if self.depth == base {
                        self.end(&piece[from..at], visit);
                    } else if self.depth == 0 {
                        self.done = true;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth == 0 && self.opening().is_some() => return Err(CutError::NoList),
                _ => {}
            }
        }
        if self.depth > base {
            self.keep(&piece[from..]);
        }
        Ok(())
    }

    /// Keeps the part of an object that a piece has, unless it grows too long.
    fn keep(&mut self, part: &[u8]) {
        if self.too_long {
            return;
        }
        if self.object.len() + part.len() > MAX_VALUE {
            self.too_long = true;
            self.skipped += 1;
            self.object = Vec::new();
        } else {
            self.object.extend_from_slice(part);
        }
    }

    /// An object ends with this part.
    fn end(&mut self, part: &[u8], visit: &mut dyn FnMut(&[u8])) {
        if self.object.is_empty() && !self.too_long && part.len() <= MAX_VALUE {
            visit(part);
            return;
        }
        self.keep(part);
        if !std::mem::take(&mut self.too_long) {
            visit(&self.object);
        }
        self.object.clear();
        self.object.shrink_to(KEPT_ROOM);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What comes out when the text comes in pieces of that length.
    fn cut(form: Form, text: &str, piece: usize) -> Result<Vec<String>, CutError> {
        let (mut cutter, mut all) = (Cutter::new(form), Vec::new());
        for piece in text.as_bytes().chunks(piece) {
            cutter.push(piece, &mut |object| all.push(String::from_utf8_lossy(object).into_owned()))?;
        }
        Ok(all)
    }

    #[test]
    fn objects_come_out_however_the_pieces_are_cut() {
        let objects = [json!({"a": [1, {"b": "}]\"\\"}]}), json!({}), json!({"c": "\u{1b}ä", "d": null})];
        let array = Value::from(objects.to_vec()).to_string();
        let sequence: String = objects.iter().map(|object| format!("{object}\n")).collect();
        for piece in 1..array.len() {
            for (form, text) in [(Form::Array, &array), (Form::Sequence, &sequence)] {
                let all = cut(form, text, piece).unwrap();
                assert_eq!(all, objects.each_ref().map(ToString::to_string), "{form:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_no_object_is_left_out() {
        assert_eq!(cut(Form::Array, r#" [1, "{}", [{"a": 1}], {"b": 2}, null] {"c": 3}"#, 3).unwrap(), [r#"{"b": 2}"#]);
        assert_eq!(cut(Form::Sequence, r#"[{"a": 1}] {"b": 2}"#, 4).unwrap(), [r#"{"b": 2}"#]);
        assert_eq!(cut(Form::Array, r#"{"message": "no"}"#, 5), Err(CutError::NoList));
        assert_eq!(cut(Form::Array, "null", 5), Err(CutError::NoList));
        assert_eq!(cut(Form::Sequence, "}{}", 5), Err(CutError::NoJson));
        let wrapped =
            r#" {"status": "{", "none": [], "metadata": [1, {"a": {"b": []}}, [{"c": 1}], {"d": 2}]} {"e": 3}"#;
        assert_eq!(cut(Form::Wrapped, wrapped, 3).unwrap(), [r#"{"a": {"b": []}}"#, r#"{"d": 2}"#]);
        assert_eq!(cut(Form::Wrapped, "[{}]", 5), Err(CutError::NoList));
        assert_eq!(cut(Form::Wrapped, "1", 5), Err(CutError::NoList));
    }

    #[test]
    fn an_object_that_is_too_long_is_skipped_and_the_next_one_is_not() {
        let long = format!(r#"[{{"a": "{}"}}, {{"b": 1}}, {{"c": "#, "x".repeat(MAX_VALUE));
        for piece in [1000, 64 << 10, long.len()] {
            let (mut cutter, mut all) = (Cutter::new(Form::Array), Vec::new());
            for piece in long.as_bytes().chunks(piece) {
                cutter.push(piece, &mut |object| all.push(object.to_vec())).unwrap();
                assert!(cutter.object.capacity() <= 2 * MAX_VALUE);
            }
            assert_eq!((cutter.skipped(), all), (1, vec![br#"{"b": 1}"#.to_vec()]), "in pieces of {piece}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let mut cutter = Cutter::new(Form::Sequence);
        for bracket in [b'[', b'{'] {
            for _ in 0..64 {
                cutter.push(&vec![bracket; 1 << 16], &mut |_| panic!("no object has ended")).unwrap();
            }
        }
        assert!(cutter.object.capacity() <= 2 * MAX_VALUE);
    }
}
