use super::*;

const START_S: u64 = 1_785_578_400;

/// Times that are only nearly in order, as those of two streams, and the hashes of their entries.
fn log(entries: u64) -> Vec<(u64, u64)> {
    (0..entries).map(|at| (START_S * SECOND_NS + at * 7_000_000 + (at % 3) * 20_000_000, at * 31 + 7)).collect()
}

/// What an engine gives from a position on, without the entries that were read before it.
fn again(log: &[(u64, u64)], position: Position) -> Vec<(u64, u64)> {
    let since_ns = position.since_s * SECOND_NS;
    let given = log.iter().copied().filter(|(time_ns, _)| *time_ns >= since_ns);
    given.skip(usize::try_from(position.entries).unwrap()).collect()
}

#[test]
fn a_position_is_followed_by_what_was_not_read() {
    let log = log(3_000);
    let mut position = Position::since(START_S);
    let mut most = 0;
    for (at, (time_ns, hash)) in log.iter().enumerate() {
        assert_eq!(again(&log, position), log[at..], "{position:?}");
        position.take(*time_ns, *hash);
        assert!(!position.is_unsure);
        most = most.max(position.entries);
    }
    assert!(most < 500, "only the last seconds are read again: {most}");
}

#[test]
fn a_clock_that_is_set_back_makes_it_unsure_for_a_while() {
    let mut position = Position::since(START_S);
    let mut take = |second: u64| {
        position.take(second * SECOND_NS + 5, second);
        position.is_unsure
    };
    assert!(!take(START_S) && !take(START_S + 5) && !take(START_S + 9));
    assert!(take(START_S - 3_600), "that entry cannot be counted");
    assert!(!take(START_S + 20) || !take(START_S + 30), "later seconds can");
}
