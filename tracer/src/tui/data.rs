//! Data that was read or written, in the form that the user chose: `b` goes from one to the next.

use crate::format::data;

/// Bytes in a row of hexadecimal digits.
const ROW: usize = 16;

/// A form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DataForm {
    /// In one line, with a point for each byte that is no printable character.
    #[default]
    Dots,
    /// Printable characters in their lines.
    Text,
    /// Rows of hexadecimal digits, with the characters beside them.
    Hex,
}

impl DataForm {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Dots => Self::Text,
            Self::Text => Self::Hex,
            Self::Hex => Self::Dots,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dots => "dots",
            Self::Text => "text",
            Self::Hex => "hex",
        }
    }

    /// How many lines data takes.
    #[must_use]
    pub fn count(self, bytes: &[u8]) -> usize {
        match self {
            Self::Dots => 1,
            Self::Text => lines(bytes).len(),
            Self::Hex => bytes.len().div_ceil(ROW),
        }
    }

    /// Its lines.
    #[must_use]
    pub fn lines(self, bytes: &[u8]) -> Vec<String> {
        match self {
            Self::Dots => {
                let mut out = Vec::new();
                data::dots(bytes, &mut out);
                vec![String::from_utf8(out).unwrap_or_default()]
            }
            Self::Text => lines(bytes),
            Self::Hex => bytes.chunks(ROW).enumerate().map(|(at, row)| hex(at * ROW, row)).collect(),
        }
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    data::text(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default().lines().map(|line| line.replace('\t', "    ")).collect()
}

fn hex(at: usize, row: &[u8]) -> String {
    let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = Vec::new();
    data::dots(row, &mut text);
    format!("{at:04x}  {:<47}  {}", digits.join(" "), String::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s074_each_form_has_its_lines() {
        let bytes = b"GET / HTTP/1.1\r\n\tHost: \x1b[2J\xff\n";
        assert_eq!(DataForm::Dots.lines(bytes), ["GET / HTTP/1.1...Host: .[2J.."]);
        assert_eq!(DataForm::Text.lines(bytes), ["GET / HTTP/1.1", "    Host: [2J"]);
        assert_eq!(
            DataForm::Hex.lines(bytes),
            [
                "0000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..",
                "0010  09 48 6f 73 74 3a 20 1b 5b 32 4a ff 0a           .Host: .[2J..",
            ]
        );
        let mut form = DataForm::default();
        for _ in 0..3 {
            assert_eq!(form.count(bytes), form.lines(bytes).len());
            form = form.next();
        }
        assert_eq!(form, DataForm::Dots);
    }
}
