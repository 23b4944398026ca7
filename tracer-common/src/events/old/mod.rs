//! Events that only captures have: the beginnings of calls, forms that newer ones replaced, records of other tools.
//!
//! A live capture makes none of them, so they have no sources, no effect and no part in lists for users; a reader of
//! captures finds them with [`by_code`](super::by_code), by name and parameters. Source: the event table of
//! falcosecurity/libs, driver/event_table.c, 0.25.4.
//!
//! ```text
//! CODE_NAME = code "event name" CATEGORY [FLAG | FLAG] { parameter: Kind[(set or directory parameter)]; … }
//! ```

use super::Event;

/// Declares the rows of one family; see the module's documentation for the form.
macro_rules! old_events {
    ($(
        $ident:ident = $code:literal $name:literal $category:ident [$($flag:ident)|*] {
            $($param:ident: $kind:ident $(($set:ident))?;)*
        }
    )+) => {
        /// The rows of this family.
        pub static ROWS: &[&$crate::events::Event] = &[$({
            #[allow(dead_code, reason = "only rows with relative paths look names up")]
            const NAMES: &[&str] = &[$(stringify!($param)),*];
            &$crate::events::Event {
                code: $code,
                ident: stringify!($ident),
                name: $name,
                syscalls: &[],
                category: $crate::events::Category::$category,
                flags: $crate::events::Flags::OLD$(.with($crate::events::Flags::$flag))*,
                effect: $crate::events::Effect::None,
                params: &[$(
                    $crate::events::Param {
                        name: stringify!($param),
                        kind: $crate::events::kind!(NAMES $kind $(($set))?),
                        source: $crate::events::source::empty(),
                        doc: stringify!($param),
                        is_command: false,
                    },
                )*],
                doc: $name,
            }
        }),+];
        /// The codes of this family, for `match`.
        #[allow(missing_docs, reason = "the names are those of the .scap documentation")]
        pub mod code {
            $(pub const $ident: u16 = $code;)+
        }
    };
}

/// Declares the families, and what is made from all of them.
macro_rules! old_families {
    ($($family:ident)+) => {
        $(mod $family;)+

        /// The codes, for `match`. Those of calls end in `_E` or `_X`, for the beginning and the end.
        pub mod code {
            $(pub use super::$family::code::*;)+
        }

        /// All rows, a slice for each family.
        pub static FAMILIES: &[&[&Event]] = &[$($family::ROWS),+];
    };
}

old_families! { file io net process user memory wait other meta iter }
