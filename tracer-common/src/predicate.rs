//! `Predicate`: the part of a filter that the kernel side decides, before anything is built.
//!
//! A predicate is a list of steps. Each step tests one thing that the kernel knows of a call and names the step that comes
//! next when the test holds and when it does not; steps only lead forwards. The end is [`PASS`] or [`DROP`]. User space
//! makes predicates from filters: what the kernel cannot know is left out of them in such a way that too much passes,
//! never too little.

/// The most steps of a predicate.
pub const STEPS: usize = 16;
/// The most predicates, without number 0, which stands for none.
pub const PREDICATES: usize = 1024;

/// In the place of a next step: the call passes.
pub const PASS: u8 = 0xfe;
/// In the place of a next step: nobody wants the call.
pub const DROP: u8 = 0xff;

/// Declares what a step may look at, as a type for user space and as bytes for the kernel's `match`.
macro_rules! subjects {
    ($($(#[$doc:meta])+ $name:ident = $number:literal,)+) => {
        /// What a step looks at. Where nothing else is said it is a number, and the step holds when it lies between `low`
        /// and `high`, both included.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Subject {
            $($(#[$doc])+ $name = $number,)+
        }

        /// The subjects as bytes.
        #[allow(missing_docs, reason = "each constant is documented at the variant of `Subject` that it repeats")]
        pub mod subject {
            #![allow(non_upper_case_globals, reason = "the constants have the names of the variants")]
            $(pub const $name: u8 = super::Subject::$name as u8;)+
        }
    };
}

subjects! {
    /// Thread id in the initial pid namespace.
    Tid = 0,
    /// Thread group id there.
    Tgid = 1,
    /// Thread group id of the parent.
    ParentTgid = 2,
    /// Effective user id.
    Uid = 3,
    /// Effective group id.
    Gid = 4,
    /// Number of the CPU.
    Cpu = 5,
    /// Return value.
    Result = 6,
    /// Argument `operand`, stored as `store` says.
    Argument = 7,
    /// Nanoseconds since the call began; a call that was not timed does not hold.
    Latency = 8,
    /// Name of the thread, with its NUL: the first `operand` bytes are those of `low` and `high`.
    Comm = 9,
    /// What the descriptor in argument `operand` is: the bit of its class is set in `low`.
    FdClass = 10,
    /// Port of one of the ends of the socket in argument `operand`. Holds, too, when an end has none, or when it is no
    /// internet socket that the kernel side can read.
    Port = 11,
    /// IPv4 address of one of the ends of the socket in argument `operand`: `low` after the mask `high`, in the byte order of
    /// the host. Holds, too, as [`Subject::Port`] does.
    Address = 12,
    /// The cgroup: bit `operand` of its entry in the table of cgroups, which has [`QUESTIONS`] for each turn. Holds, too, when it has no entry yet.
    Cgroup = 13,
    /// Return value of a call that receives from a socket; one that left the bytes in the queue does not hold.
    Taken = 14,
}

/// The most questions about cgroups in a turn: a bit each.
pub const QUESTIONS: u32 = 64;

/// Added to the number of an argument in a step: the call came through the 32-bit entry.
pub const COMPAT_ARGUMENT: u32 = 8;

/// What a descriptor is, as far as it matters: the number of a bit.
pub mod class {
    /// There is no file behind it any more.
    pub const NONE: u32 = 0;
    /// Neither a socket nor a file: pipes and others without a name, directories.
    pub const NO_SOCKET: u32 = 1;
    /// A socket of the family `AF_INET`.
    pub const INET: u32 = 2;
    /// A socket of the family `AF_INET6`, which may talk to IPv4.
    pub const INET6: u32 = 3;
    /// A socket of the family `AF_UNIX`.
    pub const UNIX: u32 = 4;
    /// A socket of another family.
    pub const OTHER: u32 = 5;
    /// A file, a device or a pipe with a name, of a file system that was mounted: memory files are of none.
    pub const FILE: u32 = 6;
    /// How many there are.
    pub const COUNT: u32 = 7;
    /// All of them, as bits.
    pub const ALL: u32 = (1 << COUNT) - 1;
    /// The sockets, as bits.
    pub const SOCKETS: u32 = 1 << INET | 1 << INET6 | 1 << UNIX | 1 << OTHER;
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Step {
    /// [`Subject`] as a number.
    pub subject: u8,
    /// The step behind it when it holds, or [`PASS`] or [`DROP`].
    pub yes: u8,
    /// The same when it does not hold.
    pub no: u8,
    /// Of an argument, `Store` as a number.
    pub store: u8,
    /// See [`Subject`].
    pub operand: u32,
    /// See [`Subject`].
    pub low: i64,
    /// See [`Subject`].
    pub high: i64,
}

impl Step {
    /// A step that nobody reaches.
    pub const ZERO: Self = Self { subject: 0, yes: PASS, no: PASS, store: 0, operand: 0, low: 0, high: 0 };
}

/// The steps, the first one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Predicate {
    /// See [`STEPS`].
    pub steps: [Step; STEPS],
}

const _: () = assert!(size_of::<Step>() == 24 && size_of::<Predicate>() == 24 * STEPS);

#[cfg(feature = "user")]
impl Predicate {
    /// Gives its questions about cgroups the numbers that they have in a turn.
    pub fn ask_in(&mut self, turn: u32) {
        let of_cgroups = |step: &&mut Step| step.subject == subject::Cgroup;
        self.steps.iter_mut().filter(of_cgroups).for_each(|step| step.operand += turn * QUESTIONS);
    }
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)` without padding (asserted above) or pointers; every bit pattern is a value.
#[allow(unsafe_code, reason = "aya copies the type into a map")]
unsafe impl aya::Pod for Predicate {}
