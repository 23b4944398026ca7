//! Sampling: of many events a few are looked at, chosen by chance, and what is counted stands for all of them.
//!
//! The kernel side chooses among calls that are only shown, before it builds anything (`plan::SAMPLE`). All other events are
//! chosen here. What the tracer tells of itself, CPU time and what was counted in the kernel are never sampled.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    str::FromStr,
};

use crate::event::{Event, is_internal};

/// The most events of which one is looked at: with more, what a random number of 32 bits chooses would be off by more than a
/// fiftieth of a percent.
const MAX: u32 = 1_000_000;

/// How many events are looked at: `1/N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    one_in: u32,
}

impl Sample {
    /// One event of so many stands for all of them.
    #[must_use]
    pub const fn one_in(self) -> u32 {
        self.one_in
    }

    /// One of so many; `None` when it is all of them.
    #[must_use]
    pub fn new(one_in: u32) -> Option<Self> {
        Self { one_in }.of_several()
    }

    /// A sample of a sample, of which either may be all.
    #[must_use]
    pub fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self { one_in: one.one_in.saturating_mul(other.one_in) }),
            (one, other) => one.or(other),
        }
    }

    /// The same, unless it is all of them.
    #[must_use]
    pub fn of_several(self) -> Option<Self> {
        (self.one_in > 1).then_some(self)
    }

    /// What stands above or behind numbers that were scaled.
    #[must_use]
    pub fn mark(self) -> String {
        format!("(estimated from {self} of the events)")
    }

    /// The line above a table with that title, which may be empty, if there is anything to say.
    #[must_use]
    pub fn title(title: &str, sample: Option<Self>) -> Option<String> {
        let marks = sample.map(Self::mark);
        let parts: Vec<&str> = [title].into_iter().chain(marks.as_deref()).filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// A random `u32` below this chooses an event (`Config::sample_below`). Not for all events: there is no such number.
    #[must_use]
    pub fn below(self) -> u32 {
        u32::try_from((1u64 << 32) / u64::from(self.one_in)).unwrap_or(u32::MAX)
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix("1/").unwrap_or(text);
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        match number.parse() {
            Ok(one_in @ 1..=MAX) if is_number => Ok(Self { one_in }),
            _ => Err(format!("expected 1/N, for one in N events, with N from 1 to {MAX}")),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.one_in)
    }
}

/// Chooses events by their numbers.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    sample: Sample,
    seed: u64,
}

impl Sampler {
    /// Another choice at each run.
    #[must_use]
    pub fn random(sample: Sample) -> Self {
        Self { sample, seed: RandomState::new().hash_one(0) }
    }

    /// Always the same choice: the same events of a capture are looked at, whatever is asked of them.
    #[must_use]
    pub const fn seeded(sample: Sample) -> Self {
        Self { sample, seed: 0 }
    }

    /// What it was made of.
    #[must_use]
    pub const fn sample(&self) -> Sample {
        self.sample
    }

    /// How many events this one stands for; 0 when it is left out.
    #[must_use]
    pub fn weight(&self, event: &Event<'_>) -> u32 {
        if is_exact(event) {
            return 1;
        }
        if event.sampled || self.chooses(event.num) { self.sample.one_in } else { 0 }
    }

    fn chooses(&self, number: u64) -> bool {
        (mixed(self.seed.wrapping_add(number)) >> 32) < (1u64 << 32) / u64::from(self.sample.one_in)
    }
}

/// Whether an event is one of those that are never sampled.
#[must_use]
pub fn is_exact(event: &Event<'_>) -> bool {
    event.group.is_some() || is_internal(event.row)
}

/// The output of SplitMix64 for a state: numbers in a row become numbers without any order.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn mixed(state: u64) -> u64 {
    let mut mixed = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use tracer_common::events::{io, meta};

    use super::*;
    use crate::event::Group;

    #[test]
    fn a_sample_is_one_of_so_many() {
        let one_in = |text: &str| text.parse().map(Sample::one_in);
        assert_eq!((one_in("1/100"), one_in("100"), one_in("1/1")), (Ok(100), Ok(100), Ok(1)));
        assert_eq!("1000000".parse().map(|sample: Sample| sample.to_string()), Ok("1/1000000".to_owned()));
        for wrong in ["1/0", "0", "x", "2/3", "", "1/", "1/-5", "1/+5", "+5", "0.01", "1%", "1/1000001", " 5", "1/1/5"]
        {
            assert!(one_in(wrong).is_err_and(|error| error.contains("1/N")), "{wrong}");
        }
        assert_eq!("1".parse::<Sample>().ok().and_then(Sample::of_several), None);
        let both = |one, other| Sample::both(Sample::new(one), Sample::new(other)).map(Sample::one_in);
        assert_eq!((both(10, 5), both(u32::MAX, 2), both(1, 5), both(1, 1)), (Some(50), Some(u32::MAX), Some(5), None));
    }

    #[test]
    fn chance_chooses_one_of_so_many_and_the_seed_which() {
        const EVENTS: u64 = 1_000_000;
        for one_in in [2, 10, 100, 1000] {
            let sample = Sample { one_in };
            for sampler in [Sampler::seeded(sample), Sampler::random(sample)] {
                let chosen = (1..=EVENTS).filter(|number| sampler.chooses(*number)).count() as f64;
                let expected = EVENTS as f64 / f64::from(one_in);
                assert!((chosen - expected).abs() < 5.0 * expected.sqrt(), "{sampler:?}: {chosen}");
                // Neighbours know nothing of each other.
                let pairs = (1..EVENTS).filter(|it| sampler.chooses(*it) && sampler.chooses(it + 1)).count() as f64;
                let expected = expected / f64::from(one_in);
                assert!((pairs - expected).abs() < 5.0 * expected.sqrt().max(1.0) * 1.5, "{sampler:?}: {pairs} pairs");
            }
            assert_eq!(u64::from(sample.below()), (1 << 32) / u64::from(one_in));
        }
        let chosen = |sampler: Sampler| (1..1000).filter(|number| sampler.chooses(*number)).collect::<Vec<_>>();
        let sample = Sample { one_in: 10 };
        assert_eq!(chosen(Sampler::seeded(sample)), chosen(Sampler::seeded(sample)));
        assert_ne!(chosen(Sampler::random(sample)), chosen(Sampler::random(sample)));
        assert!((1..1000).all(|number| Sampler::seeded(Sample { one_in: 1 }).chooses(number)));
    }

    #[test]
    fn what_is_exact_or_was_chosen_is_not_sampled_again() {
        let sampler = Sampler::seeded(Sample { one_in: 1_000_000 });
        let read = Event { num: 7, ..Event::empty(&io::READ) };
        assert_eq!(sampler.weight(&read), 0);
        assert_eq!(sampler.weight(&Event { sampled: true, ..read }), 1_000_000);
        assert_eq!(
            sampler.weight(&Event {
                group: Some(Group { count: 5, numbers: None, failed: false, of_sockets: false, by: 0 }),
                ..read
            }),
            1
        );
        for row in [&meta::PROCINFO, &meta::DROP, &meta::CGROUP_MKDIR] {
            assert_eq!(sampler.weight(&Event { num: 7, ..Event::empty(row) }), 1, "{}", row.name);
        }
    }
}
