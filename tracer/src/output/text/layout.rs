//! How wide the columns of a table are: as wide as what is in them, while that fits.
//!
//! What does not fit gives way in this order: long keys, such as paths, are cut in the middle; values are left out, from the last one on, but not the
//! one that the table is sorted by; then all keys are cut. Numbers are never cut, not even those that are keys: without its end it is another number.

/// Blanks between columns.
pub(super) const GAP: usize = 2;
/// Keys longer than this are cut before values are left out.
const LONG_KEY: usize = 24;
/// No key is cut to less, unless the terminal is narrower than that.
const SHORT_KEY: usize = 6;
/// Without a limit, only keys up to this length move the columns after them.
const MOVES: usize = 60;

/// The widths of the columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Of each value, its width; `None` for one that is left out.
    pub(super) values: Vec<Option<usize>>,
    /// Of each key.
    pub(super) keys: Vec<usize>,
}

impl Layout {
    /// For values and keys that take so many columns; `sort` is the value that is kept in any case, and `numbers` says which keys are numbers.
    pub(super) fn new(values: &[usize], keys: &[usize], sort: usize, numbers: &[bool], width: Option<usize>) -> Self {
        let mut layout = Self { values: values.iter().copied().map(Some).collect(), keys: keys.to_vec() };
        let Some(width) = width else {
            layout.keys.iter_mut().rev().skip(1).for_each(|key| *key = (*key).min(MOVES));
            return layout;
        };
        layout.shrink(width, LONG_KEY, numbers);
        while layout.width() > width {
            let last = layout.values.iter().enumerate().rposition(|(at, value)| value.is_some() && at != sort);
            let Some(last) = last else { break };
            layout.values[last] = None;
            // Room that a value leaves is for the keys.
            layout.keys = keys.to_vec();
            layout.shrink(width, LONG_KEY, numbers);
        }
        layout.shrink(width, SHORT_KEY, numbers);
        layout
    }

    /// Columns that all of it takes.
    pub(super) fn width(&self) -> usize {
        let shown = || self.values.iter().flatten().chain(&self.keys);
        shown().sum::<usize>() + GAP * shown().count().saturating_sub(1)
    }

    /// Takes from the longest key, of several the first, until it fits or all are so short.
    fn shrink(&mut self, width: usize, least: usize, numbers: &[bool]) {
        while self.width() > width {
            let texts = self.keys.iter_mut().zip(numbers).filter(|(_, is_number)| !**is_number).map(|(key, _)| key);
            let Some(key) = texts.rev().max_by_key(|key| **key).filter(|key| **key > least) else { return };
            *key -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_as_wide_as_it_is() {
        let layout = Layout::new(&[9, 6], &[15, 7], 0, &[false; 2], Some(80));
        assert_eq!(layout, Layout { values: vec![Some(9), Some(6)], keys: vec![15, 7] });
        assert_eq!(Layout::new(&[9], &[300, 300], 0, &[false; 2], None).keys, [MOVES, 300]);
    }

    #[test]
    fn long_keys_give_way_first_then_values_then_all_keys() {
        let path = Layout::new(&[9, 9], &[15, 200], 0, &[false; 2], Some(80));
        assert_eq!(path, Layout { values: vec![Some(9), Some(9)], keys: vec![15, 41] });
        assert_eq!(path.width(), 80);
        let latency = |width| Layout::new(&[7, 6, 6, 6, 6], &[16], 0, &[false], Some(width));
        let shown = |width| latency(width).values.iter().flatten().count();
        assert_eq!([80, 57, 56, 40, 30].map(shown), [5, 5, 4, 2, 1]);
        assert_eq!(latency(30).keys, [16], "no key is cut before a value is left out");
        let narrow = Layout::new(&[9], &[15, 7, 20], 0, &[false, true, false], Some(36));
        assert_eq!((narrow.width(), &*narrow.keys), (36, &[7, 7, 7][..]));
        let narrow = Layout::new(&[9], &[15, 7, 20], 0, &[false, true, false], Some(34));
        assert_eq!((narrow.width(), &*narrow.keys), (34, &[6, 7, 6][..]), "a number is not cut");
    }

    #[test]
    fn the_value_that_is_sorted_by_stays() {
        assert_eq!(Layout::new(&[9, 9, 9], &[15], 2, &[false], Some(28)).values, [None, None, Some(9)]);
        let tiny = Layout::new(&[9], &[15, 15], 0, &[false; 2], Some(5));
        assert_eq!((tiny.values[0], &*tiny.keys), (Some(9), &[SHORT_KEY, SHORT_KEY][..]));
    }
}
