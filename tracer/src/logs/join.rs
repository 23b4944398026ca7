//! Lines from their parts, of each stream by itself: the two of a container come mixed.

use super::{Line, Stream, form::Piece};

/// The longest line that is kept, bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The beginnings of lines whose ends have not come.
#[derive(Debug, Default)]
pub struct Joiner {
    open: [Option<Line>; 2],
}

impl Joiner {
    /// Takes a part; the line, when it ends with that.
    pub fn push(&mut self, piece: Piece<'_>) -> Option<Line> {
        let open = &mut self.open[piece.stream as usize];
        let Some(line) = open else {
            let mut line =
                Line { time_ns: piece.time_ns, stream: piece.stream, text: piece.text.into_owned(), is_cut: false };
            cut(&mut line);
            if piece.is_last {
                return Some(line);
            }
            *open = Some(line);
            return None;
        };
        // What is over is not even copied.
        let room = MAX_LINE - line.text.len();
        line.is_cut |= piece.text.len() > room;
        line.text.extend_from_slice(&piece.text[..piece.text.len().min(room)]);
        if piece.is_last { open.take() } else { None }
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }

    /// What began and will not go on: in the order in which it began.
    pub fn rest(&mut self) -> impl Iterator<Item = Line> {
        let mut rest: Vec<Line> = self.open.iter_mut().filter_map(Option::take).collect();
        rest.sort_by_key(|line| (line.time_ns, line.stream));
        rest.into_iter()
    }
}

fn cut(line: &mut Line) {
    line.is_cut = line.text.len() > MAX_LINE;
    line.text.truncate(MAX_LINE);
}

/// The number of the stream in the room of a joiner.
const _: () = assert!(Stream::Out as usize == 0 && Stream::Err as usize == 1);

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn piece(time_ns: u64, stream: Stream, text: &[u8], is_last: bool) -> Piece<'_> {
        Piece { time_ns, stream, text: Cow::Borrowed(text), is_last }
    }

    #[test]
    fn parts_of_two_streams_become_two_lines() {
        let mut joiner = Joiner::default();
        assert_eq!(joiner.push(piece(1, Stream::Out, b"a", false)), None);
        assert_eq!(joiner.push(piece(2, Stream::Err, b"x", false)), None);
        let line = joiner.push(piece(3, Stream::Out, b"b", true)).unwrap();
        assert_eq!((line.time_ns, &line.text[..], line.is_cut), (1, &b"ab"[..], false));
        assert!(joiner.is_open());
        assert_eq!(joiner.rest().map(|line| line.text).collect::<Vec<_>>(), [b"x".to_vec()]);
        assert!(!joiner.is_open());
    }

    #[test]
    fn a_line_without_end_has_a_limit() {
        let mut joiner = Joiner::default();
        let part = vec![b'x'; 300_000];
        for _ in 0..10 {
            assert_eq!(joiner.push(piece(1, Stream::Out, &part, false)), None);
        }
        let line = joiner.push(piece(1, Stream::Out, b"end", true)).unwrap();
        assert!(line.is_cut && line.text.len() == MAX_LINE);
        let line = joiner.push(piece(1, Stream::Out, &vec![b'x'; MAX_LINE], true)).unwrap();
        assert!(!line.is_cut && line.text.len() == MAX_LINE);
    }
}
