//! Frames of WebSocket, as an engine sends them: what they carry is passed on piece by piece, and nothing of it is kept.
//!
//! Source: RFC 6455, section 5.2. Only what a server sends to a client that asked for no extension is understood.

/// The longest header of a frame: two bytes, a length of eight.
const MAX_HEADER: usize = 10;
/// The longest body of a frame that is about the connection.
const MAX_CONTROL: usize = 125;

/// Frames that are about the connection itself. Data has the opcodes below these.
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Why what comes is not WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what it sends is not WebSocket")]
pub struct NoFrame;

/// A part of what comes.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A piece of data. Where messages begin and end, the data itself says.
    Data(&'a [u8]),
    /// The other side wants to know whether somebody is there.
    Ping(&'a [u8]),
    /// Nothing follows.
    Close,
}

/// The state between two pieces of the stream.
#[derive(Debug, Default)]
pub struct Frames {
    header: Vec<u8>,
    /// The body of a frame about the connection, as far as it came.
    control: Vec<u8>,
    opcode: u8,
    /// How much of the body has not come yet; `None` before the header is whole.
    left: Option<u64>,
}

impl Frames {
    /// Takes the next piece, and calls `visit` with what is in it.
    ///
    /// # Errors
    /// It is something else; nothing can be learned from the rest of it.
    pub fn push(&mut self, mut piece: &[u8], visit: &mut dyn FnMut(Part<'_>)) -> Result<(), NoFrame> {
        loop {
            let Some(left) = self.left else {
                let Some((byte, rest)) = piece.split_first() else { return Ok(()) };
                (piece, self.left) = (rest, self.begin(*byte)?);
                continue;
            };
            let (body, rest) = piece.split_at(piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            piece = rest;
            let is_control = self.opcode >= CLOSE;
            if is_control {
                self.control.extend_from_slice(body);
            } else if !body.is_empty() {
                visit(Part::Data(body));
            }
            let left = left - body.len() as u64;
            self.left = Some(left);
            if left > 0 {
                return Ok(());
            }
            match self.opcode {
                PING => visit(Part::Ping(&self.control)),
                CLOSE => visit(Part::Close),
                _ => {}
            }
            (self.left, self.header, self.control) = (None, Vec::new(), Vec::new());
        }
    }

    /// Takes a byte of a header; returns the length of the body once that is known.
    fn begin(&mut self, byte: u8) -> Result<Option<u64>, NoFrame> {
        self.header.push(byte);
        let [first, second, length @ ..] = self.header.as_slice() else { return Ok(None) };
        let wanted = match second {
            0..126 => 0,
            126 => 2,
            127 => MAX_HEADER - 2,
            // A server does not mask what it sends.
            _ => return Err(NoFrame),
        };
        if length.len() < wanted {
            return Ok(None);
        }
        let long = length.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let left = if wanted == 0 { u64::from(*second) } else { long };
        self.opcode = first & 0x0f;
        let is_known = matches!(self.opcode, 0..=2 | CLOSE..=PONG);
        let is_cut = first & 0x80 == 0;
        let is_wrong_control = self.opcode >= CLOSE && (is_cut || left > MAX_CONTROL as u64);
        if first & 0x70 != 0 || !is_known || is_wrong_control { Err(NoFrame) } else { Ok(Some(left)) }
    }
}

/// The answer to a ping, as a client sends it: masked, with zeros, because no cache is to be kept from being misled.
#[must_use]
pub fn pong(body: &[u8]) -> Vec<u8> {
    let length = body.len().min(MAX_CONTROL);
    let head = [0x80 | PONG, 0x80 | length as u8, 0, 0, 0, 0];
    [&head[..], &body[..length]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data, all together; pings; and whether it was closed.
    type Came = (Vec<u8>, Vec<Vec<u8>>, bool);

    /// What comes out when it comes in pieces of that length.
    fn read(bytes: &[u8], piece: usize) -> Result<Came, NoFrame> {
        let (mut frames, mut data, mut pings, mut closed) = (Frames::default(), Vec::new(), Vec::new(), false);
        for piece in bytes.chunks(piece) {
            frames.push(piece, &mut |part| match part {
                Part::Data(body) => data.extend_from_slice(body),
                Part::Ping(body) => pings.push(body.to_vec()),
                Part::Close => closed = true,
            })?;
        }
        Ok((data, pings, closed))
    }

    #[test]
    fn data_and_pings_come_out_however_the_pieces_are_cut() {
        let long = vec![b'x'; 300];
        let bytes = [
            b"\x89\x09keepalive".as_slice(),
            b"\x01\x02ab\x80\x01c",
            b"\x81\x7e\x01\x2c",
            &long,
            b"\x82\x7f\0\0\0\0\0\0\0\x01d\x81\0\x8a\0\x89\0\x88\x02\x03\xe8",
        ]
        .concat();
        let expected = ([b"abc".as_slice(), &long, b"d"].concat(), vec![b"keepalive".to_vec(), Vec::new()], true);
        for piece in 1..bytes.len() {
            assert_eq!(read(&bytes, piece), Ok(expected.clone()), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        for bytes in
            [b"\x81\x81\0\0\0\0a".as_slice(), b"\xc1\x01a", b"\x83\0", b"\x8b\0", b"\x09\x01a", b"\x89\x7e\0\x7e"]
        {
            assert_eq!(read(bytes, 1), Err(NoFrame), "{bytes:?}");
        }
        // A length that nothing has costs nothing.
        assert_eq!(read(b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc", 3), Ok((b"abc".to_vec(), Vec::new(), false)));
    }

    #[test]
    fn a_pong_has_the_body_of_its_ping() {
        assert_eq!(pong(b"hey"), b"\x8a\x83\0\0\0\0hey");
        assert_eq!(pong(&[0; 200]).len(), 6 + MAX_CONTROL);
    }
}
