//! Where the fields of kernel structs are on the running kernel: `KERNEL_FIELDS` looked up in its BTF.

use std::{collections::HashMap, path::Path};

use btf_rs::{Btf, Member, Type};
use tracer_common::config::{ABSENT, KERNEL_FIELDS, KernelField, Lookup, Offsets};

use super::LiveError;

/// Where the kernel keeps its BTF.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// For the kernel side.
    pub offsets: Offsets,
    /// What this kernel cannot do, for lack of a field.
    pub losses: Vec<&'static str>,
}

/// Looks every field up.
///
/// # Errors
/// There is no BTF, or a required field is not in it.
pub fn find(path: &Path) -> Result<Found, LiveError> {
    let no_btf = |cause: String| LiveError::NoBtf { path: path.into(), cause };
    // From memory: the library would ask the file for its position after each type, a hundred thousand times.
    let bytes = std::fs::read(path).map_err(|error| no_btf(error.to_string()))?;
    let btf = Btf::from_bytes(&bytes).map_err(|error| no_btf(error.to_string()))?;
    let mut types = Types { btf, by_name: HashMap::new() };
    let mut values = [ABSENT; Offsets::COUNT];
    let mut losses: Vec<&'static str> = Vec::new();
    for (value, field) in values.iter_mut().zip(KERNEL_FIELDS) {
        match types.lookup(field) {
            Some(found) => *value = found,
            None if field.required => {
                return Err(LiveError::NoField { field: describe(field) });
            }
            None if losses.contains(&field.loss) => {}
            None => losses.push(field.loss),
        }
    }
    Ok(Found { offsets: Offsets::from_values(values), losses })
}

fn describe(field: &KernelField) -> String {
    match field.lookup {
        Lookup::Member { of, path }
        | Lookup::Element { of, path }
        | Lookup::Bit { of, path }
        | Lookup::Enumerator { of, path } => {
            format!("{of}.{path}")
        }
        Lookup::Size { of } => format!("struct {of}"),
    }
}

struct Types {
    btf: Btf,
    by_name: HashMap<&'static str, Option<Type>>,
}

impl Types {
    fn named(&mut self, name: &'static str) -> Option<Type> {
        if let Some(known) = self.by_name.get(name) {
            return known.clone();
        }
        let types = self.btf.resolve_types_by_name(name).unwrap_or_default();
        let found = types.into_iter().find(|t| matches!(t, Type::Struct(_) | Type::Enum(_) | Type::Enum64(_)));
        self.by_name.insert(name, found.clone());
        found
    }

    fn lookup(&mut self, field: &KernelField) -> Option<u32> {
        match field.lookup {
            Lookup::Member { of, path } => self.member(of, path).map(|(bits, _)| bits / 8),
            Lookup::Bit { of, path } => self.member(of, path).map(|(bits, _)| bits),
            Lookup::Element { of, path } => {
                let (_, member) = self.member(of, path)?;
                let kind = self.btf.resolve_chained_type(&member).ok()?;
                let kind = match self.strip(kind)? {
                    Type::Array(array) => self.strip(self.btf.resolve_chained_type(&array).ok()?)?,
                    other => other,
                };
                self.size(&kind)
            }
            Lookup::Size { of } => {
                let kind = self.named(of)?;
                self.size(&kind)
            }
            Lookup::Enumerator { of, path } => match self.named(of)? {
                Type::Enum(values) => values
                    .members
                    .iter()
                    .find(|value| self.btf.resolve_name(*value).is_ok_and(|name| name == path))
                    .map(|value| value.val()),
                _ => None,
            },
        }
    }

    /// Offset in bits and the member itself, by the first of the paths that exists.
    fn member(&mut self, of: &'static str, paths: &str) -> Option<(u32, Member)> {
        let root = self.named(of)?;
        paths.split('|').find_map(|path| {
            let mut kind = root.clone();
            let mut offset = 0;
            let mut found = None;
            for name in path.split('.') {
                let (at, member) = self.find_member(&kind, name)?;
                offset += at;
                kind = self.strip(self.btf.resolve_chained_type(&member).ok()?)?;
                found = Some(member);
            }
            found.map(|member| (offset, member))
        })
    }

    /// Offset in bits of a member of a struct or union; members of anonymous ones inside it count as its own.
    fn find_member(&self, kind: &Type, name: &str) -> Option<(u32, Member)> {
        let (Type::Struct(composite) | Type::Union(composite)) = kind else { return None };
        composite.members.iter().find_map(|member| {
            let member_name = self.btf.resolve_name(member).unwrap_or_default();
            if member_name == name {
                return Some((member.bit_offset(), member.clone()));
            }
            if !member_name.is_empty() {
                return None;
            }
            let inner = self.strip(self.btf.resolve_chained_type(member).ok()?)?;
            let (offset, found) = self.find_member(&inner, name)?;
            Some((member.bit_offset() + offset, found))
        })
    }

    /// Without typedefs, qualifiers and tags.
    fn strip(&self, kind: Type) -> Option<Type> {
        let mut kind = kind;
        for _ in 0..16 {
            kind = match &kind {
                Type::Typedef(inner) => self.btf.resolve_chained_type(inner).ok()?,
                Type::Volatile(inner) => self.btf.resolve_chained_type(inner).ok()?,
                Type::Const(inner) => self.btf.resolve_chained_type(inner).ok()?,
                Type::Restrict(inner) => self.btf.resolve_chained_type(inner).ok()?,
                Type::TypeTag(inner) => self.btf.resolve_chained_type(inner).ok()?,
                _ => return Some(kind),
            };
        }
        None
    }

    fn size(&self, kind: &Type) -> Option<u32> {
        let bytes = match kind {
            Type::Struct(composite) | Type::Union(composite) => composite.size(),
            Type::Int(int) => int.size(),
            Type::Ptr(_) => 8,
            _ => return None,
        };
        u32::try_from(bytes).ok()
    }
}
