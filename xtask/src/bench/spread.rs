//! Medians, and how sure they are.

/// The middle of some measurements, and the interval that has the true median with a probability of at least
/// [`CONFIDENCE`], from order statistics: nothing is assumed of how measurements are spread. Of fewer than six
/// measurements it is their range, which has it less often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How often the interval has the true median, at least.
const CONFIDENCE: f64 = 0.95;

/// None if there is no measurement.
pub(super) fn spread(measured: &[f64]) -> Option<Spread> {
    let mut sorted = measured.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (count, skipped) = (sorted.len(), skipped(sorted.len()));
    let (low, high) = (*sorted.get(skipped)?, *sorted.get(count.checked_sub(skipped + 1)?)?);
    let median = f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]);
    Some(Spread { median, low, high })
}

/// The middle of some numbers; none if there are none.
pub(super) fn median(numbers: &[f64]) -> Option<f64> {
    spread(numbers).map(|spread| spread.median)
}

/// The probability that the interval of so many measurements has the true median.
pub(super) fn confidence(count: usize) -> f64 {
    1.0 - 2.0 * tail(count, skipped(count))
}

/// How many measurements at each end are outside the interval.
fn skipped(count: usize) -> usize {
    (0..count.div_ceil(2)).take_while(|outside| 2.0 * tail(count, *outside) <= 1.0 - CONFIDENCE).last().unwrap_or(0)
}

/// The probability that at most `at_most` of `count` measurements are below the median: of heads among tosses.
fn tail(count: usize, at_most: usize) -> f64 {
    let mut ways = 1.0;
    let mut sum = 0.0;
    for heads in 0..=at_most {
        sum += ways;
        ways *= (count - heads) as f64 / (heads + 1) as f64;
    }
    sum / 2_f64.powi(i32::try_from(count).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_seven_is_their_range_and_of_nine_leaves_out_the_ends() {
        let seven = [3.0, 1.0, 7.0, 2.0, 6.0, 4.0, 5.0];
        assert_eq!(spread(&seven), Some(Spread { median: 4.0, low: 1.0, high: 7.0 }));
        let nine = [9.0, 3.0, 1.0, 7.0, 2.0, 8.0, 6.0, 4.0, 5.0];
        assert_eq!(spread(&nine), Some(Spread { median: 5.0, low: 2.0, high: 8.0 }));
    }

    #[test]
    fn few_measurements_have_their_range_and_none_have_none() {
        assert_eq!(spread(&[2.0, 1.0]), Some(Spread { median: 1.5, low: 1.0, high: 2.0 }));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn confidence_is_that_of_tables_of_the_binomial() {
        for (count, expected) in [(1, 0.0), (5, 0.9375), (7, 0.984_375), (9, 0.960_937_5), (20, 0.958_61)] {
            assert!((confidence(count) - expected).abs() < 1e-5, "{count}: {}", confidence(count));
        }
    }
}
