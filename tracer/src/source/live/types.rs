//! The kernel's description of its types (BTF), read as far as it is asked for: the file has a hundred thousand types, of which some
//! fifty are needed. Building all of them takes longer than anything else that a start does here, and most of its memory.
//!
//! Source: kernel Documentation/bpf/btf.rst and include/uapi/linux/btf.h. Numbers are those of the running machine.

use aya::Endianness;
use aya_obj::btf::{Btf, BtfError};
use rustc_hash::FxHashMap;

/// `BTF_MAGIC`, the first two bytes.
const MAGIC: u16 = 0xeb9f;
/// `struct btf_header`, and a `struct btf_type` without what follows it.
const HEADER: usize = 24;
const TYPE: usize = 12;

/// Kinds of types, `BTF_KIND_*`.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// A type: where its entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type(usize);

/// A member of a struct or union.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    name: u32,
    kind: u32,
    /// Its offset in bits.
    pub bits: u32,
}

/// The types, with those found that have one of the names that were asked for.
#[derive(Debug)]
pub struct Types<'n> {
    bytes: Vec<u8>,
    strings: usize,
    /// Where the entry of each type begins, by number; 0 is `void`.
    entries: Vec<u32>,
    /// The types that have a name that was asked for.
    named: FxHashMap<&'n str, Vec<u32>>,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Bytes that follow the entry of a type of that kind with so many parts.
fn length(kind: u32, parts: usize) -> Option<usize> {
    Some(match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => 4,
        kind::ARRAY => 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * parts,
        kind::ENUM | kind::FUNC_PROTO => 8 * parts,
        1..=kind::ENUM64 => 0,
        _ => return None,
    })
}

impl<'n> Types<'n> {
    /// Reads the whole description, and finds the types with these names.
    ///
    /// # Errors
    /// It is no BTF, or has types of kinds that are not known.
    pub fn parse(bytes: Vec<u8>, names: &[&'n str]) -> Result<Self, &'static str> {
        const CUT: &str = "it ends in the middle of a type";
        if bytes.first_chunk().map(|magic| u16::from_ne_bytes(*magic)) != Some(MAGIC) {
            return Err("it is not BTF");
        }
        let header = |at| word(&bytes, at).map(|word| word as usize).ok_or("its header is truncated");
        let (base, types, types_len) = (header(4)?, header(8)?, header(12)?);
        let (strings, strings_len) = (base + header(16)?, header(20)?);
        let texts = bytes.get(strings..).and_then(|rest| rest.get(..strings_len)).ok_or("its names are truncated")?;
        let wanted = offsets(texts, names);
        let (mut entries, mut named) = (vec![0], FxHashMap::<&str, Vec<u32>>::default());
        let (mut at, end) = (base + types, base + types + types_len);
        while at < end {
            let (name, info) = word(&bytes, at).zip(word(&bytes, at + 4)).ok_or(CUT)?;
            if let Some(name) = wanted.get(&name) {
                named.entry(name).or_default().push(entries.len() as u32);
            }
            entries.push(at as u32);
            at +=
                TYPE + length(info >> 24 & 0x1f, (info & 0xffff) as usize).ok_or("it has types of an unknown kind")?;
        }
        if end > bytes.len() {
            return Err(CUT);
        }
        Ok(Self { strings, entries, named, bytes })
    }

    /// The first struct or enumeration of a name that was asked for.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Type> {
        let types = self.named.get(name)?.iter().filter_map(|number| self.number(*number));
        types.into_iter().find(|it| matches!(self.kind(*it), kind::STRUCT | kind::ENUM | kind::ENUM64))
    }

    fn number(&self, number: u32) -> Option<Type> {
        self.entries.get(number as usize).filter(|at| **at != 0).map(|at| Type(*at as usize))
    }

    fn word(&self, at: usize) -> u32 {
        word(&self.bytes, at).unwrap_or(0)
    }

    fn info(&self, Type(at): Type) -> u32 {
        self.word(at + 4)
    }

    fn kind(&self, of: Type) -> u32 {
        self.info(of) >> 24 & 0x1f
    }

    /// The third word: a size, or the number of another type.
    fn third(&self, Type(at): Type) -> u32 {
        self.word(at + 8)
    }

    fn parts(&self, of: Type) -> usize {
        (self.info(of) & 0xffff) as usize
    }

    fn has_name(&self, offset: u32, name: &str) -> bool {
        let at = self.strings + offset as usize;
        self.bytes
            .get(at..)
            .and_then(|rest| rest.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }

    /// Without typedefs, qualifiers and tags.
    fn strip(&self, mut of: Type) -> Option<Type> {
        for _ in 0..16 {
            match self.kind(of) {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    of = self.number(self.third(of))?;
                }
                _ => return Some(of),
            }
        }
        None
    }

    /// The type of a member.
    #[must_use]
    pub fn of(&self, member: Member) -> Option<Type> {
        self.strip(self.number(member.kind)?)
    }

    /// The type of the elements of an array; of anything else, that itself.
    #[must_use]
    pub fn element(&self, of: Type) -> Option<Type> {
        if self.kind(of) != kind::ARRAY {
            return Some(of);
        }
        self.strip(self.number(self.word(of.0 + TYPE))?)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self, of: Type) -> Option<u32> {
        match self.kind(of) {
            kind::STRUCT | kind::UNION | kind::INT => Some(self.third(of)),
            kind::PTR => Some(8),
            _ => None,
        }
    }

    /// The value of an enumerator.
    #[must_use]
    pub fn enumerator(&self, of: Type, name: &str) -> Option<u32> {
        if self.kind(of) != kind::ENUM {
            return None;
        }
        let entries = (0..self.parts(of)).map(|part| of.0 + TYPE + 8 * part);
        entries.into_iter().find(|at| self.has_name(self.word(*at), name)).map(|at| self.word(at + 4))
    }

    /// Offset in bits of a member of a struct or union, and the member; members of anonymous ones in it count as its own.
    #[must_use]
    pub fn member(&self, of: Type, name: &str) -> Option<(u32, Member)> {
        if !matches!(self.kind(of), kind::STRUCT | kind::UNION) {
            return None;
        }
        // With bit fields, the upper byte is the size of the field.
        let mask = if self.info(of) >> 31 == 1 { 0x00ff_ffff } else { u32::MAX };
        (0..self.parts(of)).find_map(|part| {
            let at = of.0 + TYPE + 12 * part;
            let member = Member { name: self.word(at), kind: self.word(at + 4), bits: self.word(at + 8) & mask };
            if member.name == 0 {
                let (bits, found) = self.member(self.of(member)?, name)?;
                return Some((member.bits + bits, found));
            }
            self.has_name(member.name, name).then_some((member.bits, member))
        })
    }

    /// The typedefs of these names under their own numbers, for a library that wants all types: the others have no content.
    ///
    /// # Errors
    /// The library does not take it.
    pub fn only_typedefs(&self, names: &[&'n str]) -> Result<Btf, BtfError> {
        let mut found: Vec<(u32, &str)> = Vec::new();
        for name in names {
            let numbers = self.named.get(name).into_iter().flatten();
            let typedefs = numbers.filter(|it| self.number(**it).is_some_and(|it| self.kind(it) == kind::TYPEDEF));
            found.extend(typedefs.map(|number| (*number, *name)));
        }
        found.sort_unstable();
        let mut strings = vec![0];
        // A type without content takes three words, as one with a name and nothing else does.
        let mut types: Vec<[u32; 3]> = Vec::new();
        for (number, name) in found {
            types.resize((number as usize).saturating_sub(1), [0, kind::FWD << 24, 0]);
            types.push([strings.len() as u32, kind::TYPEDEF << 24, 0]);
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        let mut bytes = Vec::with_capacity(HEADER + TYPE * types.len() + strings.len());
        bytes.extend_from_slice(&MAGIC.to_ne_bytes());
        bytes.extend_from_slice(&[1, 0]);
        let (types_len, strings_len) = ((TYPE * types.len()) as u32, strings.len() as u32);
        for word in [HEADER as u32, 0, types_len, types_len, strings_len] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        types.iter().flatten().for_each(|word| bytes.extend_from_slice(&word.to_ne_bytes()));
        bytes.extend_from_slice(&strings);
        Btf::parse(&bytes, Endianness::default())
    }
}

/// The offsets of names among all texts. Each text is there once.
fn offsets<'n>(texts: &[u8], names: &[&'n str]) -> FxHashMap<u32, &'n str> {
    let wanted: FxHashMap<&[u8], &'n str> = names.iter().map(|name| (name.as_bytes(), *name)).collect();
    let mut found = FxHashMap::default();
    let mut from = 0;
    for end in memchr::memchr_iter(0, texts) {
        if let Some(name) = wanted.get(&texts[from..end]) {
            found.insert(from as u32, *name);
        }
        from = end + 1;
    }
    found
}
