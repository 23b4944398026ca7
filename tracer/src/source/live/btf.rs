//! What the kernel side has to know of the running kernel: where the fields of its structs are (`KERNEL_FIELDS`), and which types
//! its hooks have.

use std::path::Path;

use aya::Btf;
use tracer_common::config::{ABSENT, KERNEL_FIELDS, KernelField, Lookup, Offsets};

use super::{
    LiveError,
    load::chain,
    types::{Member, Type, Types},
};

/// Where the kernel keeps its BTF.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// For the kernel side.
    pub offsets: Offsets,
    /// What this kernel cannot do, for lack of a field.
    pub losses: Vec<&'static str>,
    /// The types of the hooks, for loading programs.
    pub hooks: Btf,
}

/// Looks every field up, and the types of these hooks: `btf_trace_` and the name of a tracepoint. One that the kernel lacks is
/// missing in [`Found::hooks`].
///
/// # Errors
/// There is no BTF, or a required field is not in it.
pub fn find(path: &Path, hooks: &[&str]) -> Result<Found, LiveError> {
    let no_btf = |cause: String| LiveError::NoBtf { path: path.into(), cause };
    let bytes = std::fs::read(path).map_err(|error| no_btf(error.to_string()))?;
    let structs = KERNEL_FIELDS.iter().map(|field| field.lookup.of());
    let names: Vec<&str> = structs.chain(hooks.iter().copied()).collect();
    let types = Types::parse(bytes, &names).map_err(|error| no_btf(error.to_owned()))?;
    let mut values = [ABSENT; Offsets::COUNT];
    let mut losses: Vec<&'static str> = Vec::new();
    for (value, field) in values.iter_mut().zip(KERNEL_FIELDS) {
        match lookup(&types, field) {
            Some(found) => *value = found,
            None if field.required => {
                return Err(LiveError::NoField { field: describe(field) });
            }
            None if losses.contains(&field.loss) => {}
            None => losses.push(field.loss),
        }
    }
    let hooks = types.only_typedefs(hooks).map_err(|error| no_btf(chain(&error)))?;
    Ok(Found { offsets: Offsets::from_values(values), losses, hooks })
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

fn lookup(types: &Types<'_>, field: &KernelField) -> Option<u32> {
    let of = types.named(field.lookup.of())?;
    match field.lookup {
        Lookup::Member { path, .. } => member(types, of, path).map(|(bits, _)| bits / 8),
        Lookup::Bit { path, .. } => member(types, of, path).map(|(bits, _)| bits),
        Lookup::Element { path, .. } => {
            let (_, member) = member(types, of, path)?;
            types.size(types.element(types.of(member)?)?)
        }
        Lookup::Size { .. } => types.size(of),
        Lookup::Enumerator { path, .. } => types.enumerator(of, path),
    }
}

/// Offset in bits and the member itself, by the first of the paths that exists.
fn member(types: &Types<'_>, of: Type, paths: &str) -> Option<(u32, Member)> {
    paths.split('|').find_map(|path| {
        let (mut of, mut bits, mut found) = (Some(of), 0, None);
        for name in path.split('.') {
            let (at, member) = types.member(of?, name)?;
            bits += at;
            // Only what has members of its own is looked into.
            of = types.of(member);
            found = Some(member);
        }
        found.map(|member| (bits, member))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole description, as the library reads it, has the hooks under the same numbers.
    #[test]
    fn hooks_have_the_numbers_that_the_kernel_gives_them() {
        let Ok(whole) = Btf::from_sys_fs() else { return eprintln!("skipped: this kernel has no BTF") };
        let hooks = ["btf_trace_sys_exit", "btf_trace_sched_process_exec", "btf_trace_nothing"];
        let found = find(Path::new(BTF_PATH), &hooks).unwrap();
        for hook in hooks {
            let number = |btf: &Btf| btf.id_by_type_name_kind(hook, aya_obj::btf::BtfKind::Typedef).ok();
            assert_eq!(number(&found.hooks), number(&whole), "{hook}");
        }
        assert!(found.hooks.id_by_type_name_kind(hooks[0], aya_obj::btf::BtfKind::Typedef).is_ok());
    }

    #[test]
    fn what_is_no_btf_is_said() {
        let path = std::env::temp_dir().join(format!("tracer-btf-{}", std::process::id()));
        let whole = std::fs::read(BTF_PATH).unwrap_or_default();
        for (bytes, cause) in [
            (&b""[..], "it is not BTF"),
            (b"\x9f\xeb\x01\0", "its header is truncated"),
            (whole.get(..whole.len() / 2).unwrap_or(b"x"), "truncated"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = find(&path, &[]).unwrap_err().to_string();
            assert!(error.contains(cause) || whole.is_empty(), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
