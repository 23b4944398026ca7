//! The sandbox: a Rhai engine without access to anything, and with limits.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, packages::Package, packages::StandardPackage};

/// Operations of one call.
const MAX_OPERATIONS: u64 = 1_000_000;
/// How long a call may take.
const MAX_TIME: Duration = Duration::from_millis(80);
/// The clock is read once for so many operations. One of them takes a millisecond at most, on a text of the largest size.
const OPERATIONS_PER_LOOK: u64 = 8;
/// Functions that call each other.
const MAX_CALL_LEVELS: usize = 32;
/// Nested expressions, at the top and in functions.
const MAX_EXPR_DEPTHS: (usize, usize) = (48, 32);
/// Bytes of a text.
const MAX_STRING: usize = 256 << 10;
/// Elements of an array. Checked at each change by counting, which bounds the work too.
const MAX_ARRAY: usize = 10_000;
/// Entries of a map.
const MAX_MAP: usize = 10_000;
/// Variables that are visible at one place.
const MAX_VARIABLES: usize = 256;
/// Functions of a script.
const MAX_FUNCTIONS: usize = 128;

/// An engine that can compute, and nothing else. Modules, time and custom syntax are not compiled in.
pub(super) fn sandbox() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    engine.disable_symbol("eval");
    // It would stop the tracer, not the script.
    engine.register_fn("sleep", |_: i64| -> Result<(), Box<EvalAltResult>> { Err("sleep does not exist here".into()) });
    engine.register_fn("sleep", |_: f64| -> Result<(), Box<EvalAltResult>> { Err("sleep does not exist here".into()) });
    bounded_replace(&mut engine);
    let since = Cell::new(Instant::now());
    engine.on_progress(move |operations| match operations {
        0..OPERATIONS_PER_LOOK => None,
        // Each call begins at zero.
        OPERATIONS_PER_LOOK => {
            since.set(Instant::now());
            None
        }
        _ if operations.is_multiple_of(OPERATIONS_PER_LOOK) && since.get().elapsed() > MAX_TIME => {
            Some(Dynamic::from(MAX_TIME.as_millis() as i64))
        }
        _ => None,
    });
    engine.set_max_operations(MAX_OPERATIONS);
    engine.set_max_call_levels(MAX_CALL_LEVELS);
    engine.set_max_expr_depths(MAX_EXPR_DEPTHS.0, MAX_EXPR_DEPTHS.1);
    engine.set_max_string_size(MAX_STRING);
    engine.set_max_array_size(MAX_ARRAY);
    engine.set_max_map_size(MAX_MAP);
    engine.set_max_variables(MAX_VARIABLES);
    engine.set_max_functions(MAX_FUNCTIONS);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine
}

/// `replace` of the language looks at the size of the result when it is there already: it could take all memory.
fn bounded_replace(engine: &mut Engine) {
    type Result = std::result::Result<(), Box<EvalAltResult>>;
    fn replace(text: &mut ImmutableString, find: &str, by: &str) -> Result {
        let found = if find.is_empty() { text.len() + 1 } else { text.matches(find).count() };
        if text.len().saturating_add(found.saturating_mul(by.len())) > MAX_STRING {
            return Err(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), rhai::Position::NONE).into());
        }
        *text = text.replace(find, by).into();
        Ok(())
    }
    engine.register_fn("replace", replace);
    engine.register_fn("replace", |text: &mut ImmutableString, find: char, by: char| {
        replace(text, &find.to_string(), &by.to_string())
    });
    engine.register_fn("replace", |text: &mut ImmutableString, find: char, by: &str| {
        replace(text, &find.to_string(), by)
    });
    engine.register_fn("replace", |text: &mut ImmutableString, find: &str, by: char| {
        replace(text, find, &by.to_string())
    });
}

/// What a script may define for the engine to call, with the number of parameters.
pub(super) const CALLBACKS: [(&str, usize); 5] =
    [("on_init", 0), ("on_event", 1), ("on_row", 1), ("on_interval", 0), ("on_end", 0)];
