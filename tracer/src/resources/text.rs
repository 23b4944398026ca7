//! The forms of text that files of cgroups have: a number, a limit, lines of a key and a number.

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// So much.
    At(u64),
    /// No limit: `max`, -1, or what v1 has for no limit.
    Max,
}

impl Limit {
    /// The number, if there is a limit.
    #[must_use]
    pub fn value(self) -> Option<u64> {
        match self {
            Self::At(value) => Some(value),
            Self::Max => None,
        }
    }

    pub(super) fn map(self, change: impl FnOnce(u64) -> u64) -> Self {
        match self {
            Self::At(value) => Self::At(change(value)),
            Self::Max => Self::Max,
        }
    }
}

/// v1 shows "no limit" as the largest number of bytes that are whole pages, and pages are of 4 to 64 KiB. Nothing real is near
/// it. Source: kernel include/linux/page_counter.h, `PAGE_COUNTER_MAX`.
const NO_LIMIT: u64 = 1 << 62;

/// Microseconds as nanoseconds.
pub(super) fn ns_of_us(us: u64) -> u64 {
    us.saturating_mul(1_000)
}

/// The only number of a file.
pub(super) fn number(text: &str) -> Option<u64> {
    text.trim_ascii().parse().ok()
}

/// The only limit of a file, or a word of one.
pub(super) fn limit(text: &str) -> Option<Limit> {
    match text.trim_ascii() {
        "max" | "-1" => Some(Limit::Max),
        text => text.parse().ok().map(|value| if value >= NO_LIMIT { Limit::Max } else { Limit::At(value) }),
    }
}

/// The number after a key, of lines that are a key and a number each.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_exact() {
        assert_eq!(number("18446744073709551615\n"), Some(u64::MAX));
        assert_eq!(number("0\n"), Some(0));
        for text in ["", "\n", "-1", "1 2", "18446744073709551616", "1.5", "max"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_limit_is_not_a_number() {
        for text in ["max\n", "-1\n", "9223372036854771712\n", "9223372036854710272\n"] {
            assert_eq!(limit(text), Some(Limit::Max), "{text:?}");
        }
        assert_eq!(limit("67108864\n"), Some(Limit::At(67_108_864)));
        assert_eq!(limit("0\n"), Some(Limit::At(0)));
        assert_eq!(limit("-2\n"), None);
        assert!(Limit::At(u64::MAX) < Limit::Max);
    }

    #[test]
    fn a_key_is_the_whole_word() {
        let text = "rss 1\nrss_huge 2\ntotal_rss 3\nrss 4\nbroken\nempty \n";
        assert_eq!(keyed(text, "rss"), Some(1));
        assert_eq!(keyed(text, "rss_huge"), Some(2));
        assert_eq!(keyed(text, "total_rss"), Some(3));
        for key in ["total", "broken", "empty", ""] {
            assert_eq!(keyed(text, key), None, "{key}");
        }
    }
}
