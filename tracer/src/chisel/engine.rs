//! The sandbox: a Rhai engine without access to anything, and with limits.

use std::{
    array,
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
    sync::Once,
    time::Duration,
};

use rhai::{
    Dynamic, Engine, EvalAltResult, ImmutableString, LexError, OptimizationLevel, Token,
    config::hashing::set_hashing_seed, packages::Package, packages::StandardPackage,
};
use rustix::time::{ClockId, clock_gettime};

use crate::memory;

/// Operations of one call.
const MAX_OPERATIONS: u64 = 1_000_000;
/// How long a call may take. The first half is by the clock, the second by the CPU time of the thread: a call that has to
/// wait for a CPU is not to blame, and that time is slower to ask for.
const MAX_TIME: Duration = Duration::from_millis(80);
/// The same of the first run, which declares things and happens once, also on machines that are slow.
const MAX_FIRST_TIME: Duration = Duration::from_millis(400);
/// The time of a call is looked at after its first operations, and then once for so many.
const FIRST_LOOK: u64 = 4;
const OPERATIONS_PER_LOOK: u64 = 8;
/// Bytes that a call may take: all of them, also those of closures, of curried functions and of data, which the language does
/// not count.
pub(super) const MAX_CALL_BYTES: isize = 32 << 20;
/// CPU time that reading a script may take, and how often it is looked at.
const MAX_LOAD_NS: i64 = 300_000_000;
const TOKENS_PER_LOOK: u32 = 64;
/// Functions that call each other.
const MAX_CALL_LEVELS: usize = 32;
/// Nested expressions, at the top and in functions.
const MAX_EXPR_DEPTHS: (usize, usize) = (48, 32);
/// Bytes of a text.
pub(super) const MAX_STRING: usize = 256 << 10;
/// Elements of an array. Checked at each change by counting, which bounds the work too.
pub(super) const MAX_ARRAY: usize = 10_000;
/// Entries of a map.
pub(super) const MAX_MAP: usize = 10_000;
/// Variables that are visible at one place.
const MAX_VARIABLES: usize = 256;
/// Functions of a script.
const MAX_FUNCTIONS: usize = 128;

/// The time of a call.
#[derive(Default)]
struct Stopwatch {
    /// When it began, nanoseconds of a clock that is read in no time and goes in steps of some milliseconds.
    since_ns: Cell<i64>,
    /// When it was looked at.
    looked_ns: Cell<i64>,
    /// Whether time went on since the look before: one operation on large values takes milliseconds, and no more than one
    /// shall go by then.
    is_slow: Cell<bool>,
    /// CPU time of the thread when the first half was over, nanoseconds.
    cpu_ns: Cell<Option<i64>>,
    /// Memory that was taken by then.
    bytes: Cell<isize>,
    /// How many calls there were.
    calls: Cell<u64>,
}

/// What a call has too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMuch {
    Time(Duration),
    Memory,
}

impl TooMuch {
    /// As it is said.
    pub(super) fn text(self) -> String {
        match self {
            Self::Time(limit) => format!("it took more than {} ms: is this an endless loop?", limit.as_millis()),
            Self::Memory => format!("one call uses more than {} MiB of memory", MAX_CALL_BYTES >> 20),
        }
    }
}

/// Nanoseconds of a clock.
fn read(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

impl Stopwatch {
    fn start(&self) {
        let now_ns = read(ClockId::MonotonicCoarse);
        self.since_ns.set(now_ns);
        self.looked_ns.set(now_ns);
        self.is_slow.set(false);
        self.cpu_ns.set(None);
        self.bytes.set(memory::taken());
        self.calls.set(self.calls.get() + 1);
    }

    /// How long the call may take.
    fn limit(&self) -> Duration {
        if self.calls.get() == 1 { MAX_FIRST_TIME } else { MAX_TIME }
    }

    /// What there is too much of, after so many operations.
    fn look(&self, operations: u64) -> Option<TooMuch> {
        if memory::taken().wrapping_sub(self.bytes.get()) > MAX_CALL_BYTES {
            return Some(TooMuch::Memory);
        }
        self.is_over(operations).then(|| TooMuch::Time(self.limit()))
    }

    /// Whether the time is over.
    fn is_over(&self, operations: u64) -> bool {
        let half_ns = self.limit().as_nanos() as i64 / 2;
        if !self.is_slow.get() && operations != FIRST_LOOK && !operations.is_multiple_of(OPERATIONS_PER_LOOK) {
            return false;
        }
        let now_ns = read(ClockId::MonotonicCoarse);
        self.is_slow.set(self.looked_ns.replace(now_ns) != now_ns);
        if now_ns - self.since_ns.get() < half_ns {
            return false;
        }
        let cpu_ns = read(ClockId::ThreadCPUTime);
        match self.cpu_ns.get() {
            Some(then_ns) => cpu_ns - then_ns > half_ns,
            None => {
                self.cpu_ns.set(Some(cpu_ns));
                false
            }
        }
    }
}

/// An engine that can compute, and nothing else. Modules, time and custom syntax are not compiled in.
pub(super) fn sandbox() -> Engine {
    choose_keys();
    let mut engine = Engine::new_raw();
    engine.register_global_module(StandardPackage::new().as_shared_module());
    engine.disable_symbol("eval");
    // It would stop the tracer, not the script.
    engine.register_fn("sleep", |_: i64| -> Result<(), Box<EvalAltResult>> { Err("sleep does not exist here".into()) });
    engine.register_fn("sleep", |_: f64| -> Result<(), Box<EvalAltResult>> { Err("sleep does not exist here".into()) });
    bounded_replace(&mut engine);
    let watch = Stopwatch::default();
    engine.on_progress(move |operations| {
        // Each call begins with the first.
        if operations == 1 {
            watch.start();
            return None;
        }
        watch.look(operations).map(Dynamic::from)
    });
    bound_loading(&mut engine);
    // The optimizer of the language has no limit of time, and takes a minute for some texts of 64 KiB: it compares all
    // cases of a `switch` with each other, and copies a block for each block in it.
    engine.set_optimization_level(OptimizationLevel::None);
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

/// Keys of the hashes of the language. Its own come from `/dev/urandom` when the C library is part of the binary, and there may
/// be no `/dev`; those of the standard library come from the kernel.
fn choose_keys() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let keys = array::from_fn(|_| RandomState::new().hash_one(0));
        // Something else chose them before, which is as good.
        let _ = set_hashing_seed(Some(keys));
    });
}

/// Ends the reading of a script that takes long: some texts take time that grows with the square of their length.
fn bound_loading(engine: &mut Engine) {
    let (tokens, since_ns, last) = (Cell::new(0_u32), Cell::new(None), Cell::new((None, None)));
    let is_over = move |place: (Option<usize>, Option<usize>)| {
        // Another text begins where the one before has not ended.
        if place < last.replace(place) {
            since_ns.set(None);
        }
        tokens.set(tokens.get().wrapping_add(1));
        if !tokens.get().is_multiple_of(TOKENS_PER_LOOK) {
            return false;
        }
        let now_ns = read(ClockId::ThreadCPUTime);
        let since_ns: i64 = since_ns.get().unwrap_or_else(|| {
            since_ns.set(Some(now_ns));
            now_ns
        });
        now_ns - since_ns > MAX_LOAD_NS
    };
    #[allow(deprecated, reason = "it says that it may change, and the version is fixed")]
    engine.on_parse_token(move |token, place, _| {
        if is_over((place.line(), place.position())) {
            let text = format!("compiling it takes more than {} ms", MAX_LOAD_NS / 1_000_000);
            return Token::LexError(Box::new(LexError::Runtime(text)));
        }
        token
    });
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
