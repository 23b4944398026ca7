//! Data that was read or written, as text: with points, or as `-A`, `-x`, `-X` and `-b` say.
//!
//! The result is safe for a terminal: printable ASCII, and line ends where the form has lines.

use std::io::Write;

/// Characters of data that are shown with points unless all are asked for.
pub const SHOWN: usize = 80;
/// Bytes in a row of hexadecimal digits, and in a group.
const ROW: usize = 16;
const GROUP: usize = 2;
/// Width of the digits of a row, with a blank before each group.
const DIGITS: usize = ROW / GROUP * (2 * GROUP + 1);

/// How data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataMode {
    /// In the line, with a point for each byte that is no printable character, cut to 80 characters.
    #[default]
    Dots,
    /// Only printable characters and line ends: `-A`.
    Ascii,
    /// Rows of hexadecimal digits: `-x`.
    Hex,
    /// The same with the characters beside them: `-X`.
    HexAscii,
    /// Base64 in the line: `-b`.
    Base64,
}

/// Appends data. `whole` leaves it uncut where it would be cut.
pub fn write(bytes: &[u8], mode: DataMode, whole: bool, out: &mut Vec<u8>) {
    match mode {
        DataMode::Dots => {
            let shown = if whole { bytes.len() } else { bytes.len().min(SHOWN) };
            dots(&bytes[..shown], out);
            if shown < bytes.len() {
                out.extend_from_slice(b"...");
            }
        }
        DataMode::Ascii => {
            out.push(b'\n');
            ascii(bytes, out);
        }
        DataMode::Hex => rows(bytes, false, out),
        DataMode::HexAscii => rows(bytes, true, out),
        DataMode::Base64 => base64(bytes, out),
    }
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// With a point for each byte that is no printable character of ASCII.
pub fn dots(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().map(|byte| if is_printable(*byte) { *byte } else { b'.' }));
}

/// Printable characters, tabs and line ends.
pub fn text(bytes: &[u8], out: &mut Vec<u8>) {
    lines(bytes, |byte| is_printable(byte) || byte == b'\t', out);
}

fn ascii(bytes: &[u8], out: &mut Vec<u8>) {
    lines(bytes, is_printable, out);
}

/// A carriage return ends a line as a line feed does; both together end one. A line has begun in front of the data, so that
/// a line feed at its beginning is none.
fn lines(bytes: &[u8], keeps: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    let mut previous = b'\r';
    for byte in bytes {
        match byte {
            b'\r' => out.push(b'\n'),
            b'\n' if previous != b'\r' => out.push(b'\n'),
            byte if keeps(*byte) => out.push(*byte),
            _ => {}
        }
        previous = *byte;
    }
}

fn rows(bytes: &[u8], with_text: bool, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    out.push(b'\n');
    for (at, row) in bytes.chunks(ROW).enumerate() {
        let _ = write!(out, "\t0x{:04x}:", at * ROW);
        let start = out.len();
        for group in row.chunks(GROUP) {
            out.push(b' ');
            group.iter().for_each(|byte| _ = write!(out, "{byte:02x}"));
        }
        if with_text {
            out.resize(start + DIGITS + 2, b' ');
            dots(row, out);
        }
        out.push(b'\n');
    }
}

/// The text of bytes in base64 (RFC 4648).
pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(three.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at > three.len() { b'=' } else { letter });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], mode: DataMode) -> String {
        let mut out = Vec::new();
        write(bytes, mode, false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_form_is_as_people_know_it() {
        assert_eq!(text(b"a\n\x1bz", DataMode::Dots), "a..z");
        assert_eq!(text(b"a\r\nb\rc\n\x1bd\xff", DataMode::Ascii), "\na\nb\nc\nd");
        assert_eq!(text(b"\n", DataMode::Ascii), "\n");
        assert_eq!(text(b"\x01abc", DataMode::Hex), "\n\t0x0000: 0161 6263\n");
        let row = "\t0x0000: 3031 3233 3435 3637 3839 3031 3233 3435  0123456789012345\n";
        let rest = "\t0x0010: 36                                       6\n";
        assert_eq!(text(b"01234567890123456", DataMode::HexAscii), format!("\n{row}{rest}"));
        for (plain, coded) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(text(plain, DataMode::Base64), coded);
        }
    }
}
