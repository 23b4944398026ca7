//! Values as people write them: numbers with units, addresses, networks, ports by name. Each function says what was
//! expected when the text is something else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::did_you_mean;
use crate::{event::service, fields::Unit};

/// What was expected, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn expected(what: &str) -> Wrong {
    Wrong { message: format!("expected {what}"), hint: None }
}

impl Wrong {
    fn hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

const RANGE: &str = "the number does not fit into 64 bits";

fn out_of_range(message: &str) -> Wrong {
    Wrong { message: message.to_owned(), hint: None }
}

/// Of a whole id of a container, 64 hexadecimal digits, the 12 that it is known by; any other text as it is.
pub fn short_id(text: &[u8]) -> &[u8] {
    let is_whole = text.len() == 64 && text.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if is_whole { &text[..12] } else { text }
}

/// Of what looks like a part of a container's id, or like one in capitals, the test that would match it; such a text alone equals no id that
/// engines make. Names of containers may be their ids, so that only digits count, and not all letters.
pub fn part_of_id(text: &[u8]) -> Option<String> {
    let is_id = (4..=64).contains(&text.len())
        && text.iter().all(u8::is_ascii_hexdigit)
        && text.iter().any(u8::is_ascii_digit)
        && !(text.iter().all(u8::is_ascii_digit) && text.len() < 8);
    let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
    match lower.len() {
        _ if !is_id => None,
        12 | 64 if lower.as_bytes() == text => None,
        12 | 64 => Some(format!("container.id={lower}")),
        ..12 => Some(format!("container.id startswith {lower}")),
        _ => Some(format!("container.full_id startswith {lower}")),
    }
}

/// Names of a unit, and what one of it is in the smallest one.
type Steps = [(&'static str, i128)];

/// In steps of 1024, as sizes are printed, whether or not there is an `i`.
const SIZES: &Steps = &[
    ("B", 1),
    ("KB", 1 << 10),
    ("KiB", 1 << 10),
    ("MB", 1 << 20),
    ("MiB", 1 << 20),
    ("GB", 1 << 30),
    ("GiB", 1 << 30),
    ("TB", 1 << 40),
    ("TiB", 1 << 40),
];
const TIMES: &Steps = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// A whole number: decimal, hexadecimal (`0x1f`), octal (`0o17`, `017`); with a unit, also with a fraction.
pub fn whole(text: &[u8], unit: Unit) -> Result<i128, Wrong> {
    let (steps, what) = match unit {
        Unit::Bytes => (SIZES, "a number of bytes, such as 512 or 1MB"),
        Unit::Time => (TIMES, "a time, such as 5ms or a number of nanoseconds"),
        Unit::None | Unit::Percent => (&[][..], "a whole number"),
    };
    let text = std::str::from_utf8(text).map_err(|_| expected(what))?;
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let number = match radix(digits) {
        Some((radix, digits)) => in_radix(digits, radix, what)?,
        None => quantity(digits, steps, what)?,
    };
    let number = if negative { -number } else { number };
    let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
    if fits { Ok(number) } else { Err(out_of_range(RANGE)) }
}

/// Of numbers that are not decimal, the base and the digits. As in C, a zero in front makes a number octal.
fn radix(text: &str) -> Option<(u32, &str)> {
    let (head, rest) = text.split_at_checked(2)?;
    match head {
        "0x" | "0X" => Some((16, rest)),
        "0o" => Some((8, rest)),
        _ if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) => Some((8, &text[1..])),
        _ => None,
    }
}

fn in_radix(digits: &str, radix: u32, what: &str) -> Result<i128, Wrong> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        let hint = (radix == 8).then(|| "a number that begins with 0 is octal".to_owned());
        return Err(expected(what).hint(hint));
    }
    let digits = digits.trim_start_matches('0');
    match digits {
        "" => Ok(0),
        digits => i128::from_str_radix(digits, radix).map_err(|_| out_of_range(RANGE)),
    }
}

/// Digits, a point and digits, and a unit.
fn quantity(text: &str, steps: &Steps, what: &str) -> Result<i128, Wrong> {
    let len = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, name) = text.split_at(len);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let step = match name {
        "" => 1,
        name => match steps.iter().find(|(step, _)| *step == name) {
            Some((_, step)) => *step,
            None if whole.is_empty() || steps.is_empty() => return Err(expected(what)),
            None => {
                let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
                let message = format!("unknown unit '{}'", short(name));
                return Err(Wrong { message, hint: Some(format!("units are {}", names.join(" "))) });
            }
        },
    };
    if whole.is_empty() || number.ends_with('.') || fraction.contains('.') {
        return Err(expected(what));
    }
    if !fraction.is_empty() && step == 1 {
        return Err(expected(what));
    }
    let whole: i128 = whole.parse().map_err(|_| out_of_range(RANGE))?;
    // More digits than these are below one of the smallest unit.
    let fraction = &fraction[..fraction.len().min(15)];
    let part = fraction.parse::<i128>().unwrap_or(0) * step / 10_i128.pow(fraction.len() as u32);
    whole.checked_mul(step).and_then(|whole| whole.checked_add(part)).ok_or_else(|| out_of_range(RANGE))
}

fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

/// A number with a fraction.
pub fn float(text: &[u8]) -> Result<f64, Wrong> {
    let text = std::str::from_utf8(text).ok();
    // The names of what is no number would pass otherwise.
    let plain = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)));
    plain
        .and_then(|text| text.parse().ok())
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| expected("a number"))
}

/// True or false.
pub fn boolean(text: &[u8]) -> Result<bool, Wrong> {
    match text {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(expected("true or false")),
    }
}

/// A port: a number or the name of a service.
pub fn port(text: &[u8]) -> Result<i128, Wrong> {
    let name = String::from_utf8_lossy(text);
    if let Some(port) = service::port(&name) {
        return Ok(port.into());
    }
    let digit = text.first().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+'));
    if !digit {
        let hint = did_you_mean(&name, service::names());
        return Err(expected("a port or a known service, such as 443 or https").hint(hint));
    }
    let port = whole(text, Unit::None)?;
    if (0..=0xffff).contains(&port) { Ok(port) } else { Err(out_of_range("ports are 0 to 65535")) }
}

/// An address. An IPv4 address that is written as an IPv6 one is an IPv4 address.
pub fn address(text: &[u8]) -> Result<IpAddr, Wrong> {
    let wrong = expected("an address, such as 10.0.0.1 or ::1");
    let hint = match text.contains(&b'/') {
        true => Some("for networks, use fd.net, fd.cnet, fd.snet, fd.lnet or fd.rnet".to_owned()),
        false => text
            .first()
            .filter(|byte| byte.is_ascii_alphabetic() && !text.contains(&b':'))
            .map(|_| "host names are not looked up".to_owned()),
    };
    parse_ip(text).ok_or_else(|| wrong.hint(hint))
}

fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// First address and mask.
    V4(u32, u32),
    /// The same.
    V6(u128, u128),
}

impl Network {
    /// Address and mask of an IPv4 network, in the byte order of the host.
    #[must_use]
    pub const fn v4(&self) -> Option<(u32, u32)> {
        match self {
            Self::V4(network, mask) => Some((*network, *mask)),
            Self::V6(..) => None,
        }
    }

    /// Whether the address is one of it.
    #[must_use]
    pub fn contains(&self, ip: &IpAddr) -> bool {
        match (self, ip.to_canonical()) {
            (Self::V4(first, mask), IpAddr::V4(ip)) => ip.to_bits() & mask == *first,
            (Self::V6(first, mask), IpAddr::V6(ip)) => ip.to_bits() & mask == *first,
            _ => false,
        }
    }
}

/// A network: an address, a slash and the length of the common part in bits.
pub fn network(text: &[u8]) -> Result<Network, Wrong> {
    const WHAT: &str = "a network, such as 10.0.0.0/8 or fe80::/10";
    let Some(slash) = text.iter().position(|byte| *byte == b'/') else {
        let hint =
            parse_ip(text).map(|ip| format!("for one address, write {ip}/{}", if ip.is_ipv4() { 32 } else { 128 }));
        return Err(expected(WHAT).hint(hint));
    };
    let address = std::str::from_utf8(&text[..slash]).ok().and_then(|text| text.parse().ok());
    let len = &text[slash + 1..];
    let digits = !len.is_empty() && len.len() <= 3 && len.iter().all(u8::is_ascii_digit);
    let len = std::str::from_utf8(len).ok().filter(|_| digits).and_then(|len| len.parse::<u32>().ok());
    let (Some(address), Some(len)) = (address, len) else { return Err(expected(WHAT)) };
    match address {
        IpAddr::V4(ip) if len <= 32 => {
            let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
            Ok(Network::V4(Ipv4Addr::to_bits(ip) & mask, mask))
        }
        IpAddr::V6(ip) if len <= 128 => {
            let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
            Ok(Network::V6(Ipv6Addr::to_bits(ip) & mask, mask))
        }
        IpAddr::V4(_) => Err(out_of_range("the prefix length of an IPv4 network is 0 to 32")),
        IpAddr::V6(_) => Err(out_of_range("the prefix length of an IPv6 network is 0 to 128")),
    }
}

/// Bytes as hexadecimal digits, two for each.
pub fn bytes(text: &[u8]) -> Result<Vec<u8>, Wrong> {
    let wrong = || expected("hexadecimal digits, two for each byte, such as 7f454c46");
    if !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.chunks_exact(2)
        .map(|two| digit(two[0]).zip(digit(two[1])).map(|(high, low)| high << 4 | low).ok_or_else(wrong))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bases_and_units() {
        let cases: &[(&str, Unit, Option<i128>)] = &[
            ("0", Unit::None, Some(0)),
            ("-5", Unit::None, Some(-5)),
            ("+7", Unit::None, Some(7)),
            ("0x1F", Unit::None, Some(31)),
            ("-0x10", Unit::None, Some(-16)),
            ("0644", Unit::None, Some(0o644)),
            ("0o17", Unit::None, Some(15)),
            ("00", Unit::None, Some(0)),
            ("08", Unit::None, None),
            ("0x", Unit::None, None),
            ("", Unit::None, None),
            ("-", Unit::None, None),
            ("1e3", Unit::None, None),
            ("1.5", Unit::None, None),
            ("1.5", Unit::Time, None),
            ("5ms", Unit::None, None),
            ("18446744073709551615", Unit::None, Some(u64::MAX.into())),
            ("18446744073709551616", Unit::None, None),
            ("-9223372036854775809", Unit::None, None),
            ("999999999999999999999999999999999999999999999", Unit::None, None),
            ("5ms", Unit::Time, Some(5_000_000)),
            ("1.5s", Unit::Time, Some(1_500_000_000)),
            ("0.25us", Unit::Time, Some(250)),
            ("1.0000000000000000000000000001s", Unit::Time, Some(1_000_000_000)),
            ("2m", Unit::Time, Some(120_000_000_000)),
            ("100", Unit::Time, Some(100)),
            ("999999999999d", Unit::Time, None),
            ("1MB", Unit::Bytes, Some(1 << 20)),
            ("1MiB", Unit::Bytes, Some(1 << 20)),
            ("1.5KB", Unit::Bytes, Some(1536)),
            ("1.KB", Unit::Bytes, None),
            ("1.2.3KB", Unit::Bytes, None),
            ("KB", Unit::Bytes, None),
            ("1KX", Unit::Bytes, None),
        ];
        for (text, unit, expected) in cases {
            assert_eq!(whole(text.as_bytes(), *unit).ok(), *expected, "{text}");
        }
    }

    #[test]
    fn ports_have_names() {
        assert_eq!(port(b"https"), Ok(443));
        assert_eq!(port(b"8080"), Ok(8080));
        assert_eq!(port(b"65536").unwrap_err().message, "ports are 0 to 65535");
        assert_eq!(port(b"htttp").unwrap_err().hint.as_deref(), Some("did you mean 'http'?"));
    }

    #[test]
    fn networks_contain_their_addresses() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.9.8.7/8", "10.0.0.1", true),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("fe80::/10", "fe80::1", true),
            ("fe80::/10", "ff00::1", false),
            ("::/0", "::1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ];
        for (net, ip, expected) in cases {
            assert_eq!(network(net.as_bytes()).unwrap().contains(&ip.parse().unwrap()), expected, "{net} {ip}");
        }
        for wrong in ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8", "10.0.0.0/+8", "x/8"] {
            assert!(network(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(bytes(b"7F45"), Ok(vec![0x7f, 0x45]));
        assert_eq!(bytes(b""), Ok(vec![]));
        assert!(bytes(b"123").is_err() && bytes(b"zz").is_err() && bytes("é".as_bytes()).is_err());
    }
}
