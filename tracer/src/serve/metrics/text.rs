//! The text format of Prometheus, version 0.0.4. Source: prometheus.io/docs/instrumenting/exposition_formats.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
    /// A sum, and of how many values it is.
    Summary,
}

impl Kind {
    pub(in crate::serve) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// The content type that goes with it.
pub(in crate::serve) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families, each of them once, with all of its samples together.
#[derive(Debug, Default)]
pub(in crate::serve) struct Text {
    out: String,
    series: usize,
    /// The family that was begun.
    family: String,
    /// Parts of the text, one after the other.
    parts: Vec<Part>,
}

/// A part of the text: the head of a family, or samples of it.
#[derive(Debug, Clone, Copy)]
struct Part {
    begin: usize,
    series: usize,
    of: Whose,
}

/// Whose samples a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// It has none: it begins a family.
    Head,
    /// Those of no container, which are never left out.
    All,
    /// Those of the container with this rank; whether they are details.
    Container(usize, bool),
}

/// What there was no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::serve) struct LeftOut {
    /// Samples of containers that have none.
    pub(in crate::serve) whole: usize,
    /// These containers.
    pub(in crate::serve) containers: usize,
    /// Samples of details of others.
    pub(in crate::serve) details: usize,
    /// These others.
    pub(in crate::serve) cut: usize,
}

/// Labels of a sample: names, and any text.
pub(in crate::serve) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    /// Begins a family.
    pub(in crate::serve) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        name.clone_into(&mut self.family);
        self.part(Whose::Head);
        self.out.push_str("# HELP ");
        self.out.push_str(name);
        self.out.push(' ');
        escape(help, &mut self.out, false);
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "\n# TYPE {name} {}", kind.name());
        self.part(Whose::All);
    }

    fn part(&mut self, of: Whose) {
        self.parts.push(Part { begin: self.out.len(), series: 0, of });
    }

    /// The samples of the family that follow are of the container with this rank: the first ones are the last to be left out. Details are left
    /// out before all else.
    pub(in crate::serve) fn container(&mut self, rank: usize, is_detail: bool) {
        self.part(Whose::Container(rank, is_detail));
    }

    /// Leaves out what there is no room for: details of the last containers, then the last containers. It depends on ranks alone, so that
    /// series do not come and go while containers stay.
    pub(in crate::serve) fn bound(self, most: usize) -> (Self, LeftOut) {
        let mut left_out = LeftOut::default();
        if self.series <= most {
            return (self, left_out);
        }
        let mut costs: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
        let mut fixed = 0;
        for part in &self.parts {
            match part.of {
                Whose::Head | Whose::All => fixed += part.series,
                Whose::Container(rank, is_detail) => {
                    costs.entry(rank).or_default()[usize::from(is_detail)] += part.series
                }
            }
        }
        let mut room = most.saturating_sub(fixed);
        let mut take = |cost: usize| {
            let fits = cost <= room;
            // After one that does not fit nothing does.
            room = if fits { room - cost } else { 0 };
            fits && cost > 0
        };
        let shown: BTreeSet<usize> =
            costs.iter().filter(|(_, [basic, _])| take(*basic)).map(|(rank, _)| *rank).collect();
        let detailed: BTreeSet<usize> =
            shown.iter().filter(|rank| costs.get(*rank).is_some_and(|[_, detail]| take(*detail))).copied().collect();
        for (rank, [basic, detail]) in &costs {
            if !shown.contains(rank) {
                left_out.containers += 1;
                left_out.whole += basic + detail;
            } else if !detailed.contains(rank) && *detail > 0 {
                left_out.cut += 1;
                left_out.details += detail;
            }
        }
        let keeps = |part: &Part| match part.of {
            Whose::Head | Whose::All => true,
            Whose::Container(rank, false) => shown.contains(&rank),
            Whose::Container(rank, true) => detailed.contains(&rank),
        };
        let ends = self.parts.iter().skip(1).map(|part| part.begin).chain([self.out.len()]);
        let mut kept = Self { family: self.family.clone(), ..Self::default() };
        let mut head = None;
        for (part, end) in self.parts.iter().zip(ends) {
            let text = self.out.get(part.begin..end).unwrap_or_default();
            if part.of == Whose::Head {
                head = Some(text);
            } else if keeps(part) && part.series > 0 {
                // A family without samples has no head either.
                head.take().into_iter().for_each(|head| kept.out.push_str(head));
                kept.out.push_str(text);
                kept.series += part.series;
            }
        }
        (kept, left_out)
    }

    /// A sample of the family, whose labels are those of `common` and its own. Labels without a value are left out, as they mean the same.
    pub(in crate::serve) fn sample(&mut self, common: Labels<'_>, own: Labels<'_>, value: f64) {
        self.write("", common, own, value);
    }

    /// The samples of a histogram: bounds in seconds with how many values are not above each, the sum in seconds, and how many there
    /// are.
    pub(in crate::serve) fn histogram(
        &mut self,
        common: Labels<'_>,
        own: Labels<'_>,
        buckets: impl Iterator<Item = (f64, f64)>,
        (sum, count): (f64, f64),
    ) {
        let mut bucket = |bound: &str, value: f64| {
            let labels: Vec<(&str, &str)> = own.iter().copied().chain([("le", bound)]).collect();
            self.write("_bucket", common, &labels, value);
        };
        for (bound, value) in buckets {
            bucket(&bound.to_string(), value);
        }
        bucket("+Inf", count);
        self.summary(common, own, (sum, count));
    }

    /// The samples of a summary.
    pub(in crate::serve) fn summary(&mut self, common: Labels<'_>, own: Labels<'_>, (sum, count): (f64, f64)) {
        self.write("_sum", common, own, sum);
        self.write("_count", common, own, count);
    }

    fn write(&mut self, suffix: &str, common: Labels<'_>, own: Labels<'_>, value: f64) {
        self.series += 1;
        self.parts.last_mut().into_iter().for_each(|part| part.series += 1);
        self.out.push_str(&self.family);
        self.out.push_str(suffix);
        let mut separator = '{';
        for (name, value) in common.iter().chain(own).filter(|(_, value)| !value.is_empty()) {
            self.out.push(separator);
            separator = ',';
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(value, &mut self.out, true);
            self.out.push('"');
        }
        if separator == ',' {
            self.out.push('}');
        }
        let _ = match value {
            value if value == f64::INFINITY => writeln!(self.out, " +Inf"),
            value if value == f64::NEG_INFINITY => writeln!(self.out, " -Inf"),
            value => writeln!(self.out, " {value}"),
        };
    }

    /// How many samples were written.
    pub(in crate::serve) const fn series(&self) -> usize {
        self.series
    }

    /// All of it.
    pub(in crate::serve) fn into_text(self) -> String {
        self.out
    }
}

fn escape(text: &str, out: &mut String, in_quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if in_quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

/// The name of a label that stands for a label of a container: other characters than letters, digits and `_` become `_`.
pub(in crate::serve) fn label_name(prefix: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    prefix.chars().chain(name.chars().map(plain)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "What \\ it\nis \"now\".");
        text.sample(&[("name", "x\"\\\ny")], &[("empty", ""), ("class", "net")], 1.5);
        text.sample(&[], &[], 1e18);
        text.family("b_seconds", Kind::Histogram, "Times.");
        text.histogram(&[("id", "7")], &[], [(0.5, 1.0), (1.0, 2.0)].into_iter(), (3.25, 4.0));
        assert_eq!(text.series(), 7);
        assert_eq!(
            text.into_text(),
            "# HELP a_total What \\\\ it\\nis \"now\".\n# TYPE a_total counter\n\
            a_total{name=\"x\\\"\\\\\\ny\",class=\"net\"} 1.5\na_total 1000000000000000000\n\
            # HELP b_seconds Times.\n# TYPE b_seconds histogram\n\
            b_seconds_bucket{id=\"7\",le=\"0.5\"} 1\nb_seconds_bucket{id=\"7\",le=\"1\"} 2\n\
            b_seconds_bucket{id=\"7\",le=\"+Inf\"} 4\nb_seconds_sum{id=\"7\"} 3.25\nb_seconds_count{id=\"7\"} 4\n"
        );
    }

    /// Two families of four containers: two basic samples of each, and three details of all but the first; and one sample of none.
    fn of_four() -> Text {
        let mut text = Text::default();
        text.family("health", Kind::Gauge, "x");
        text.sample(&[], &[], 0.0);
        text.family("basic", Kind::Gauge, "x");
        for rank in 0..4 {
            text.container(rank, false);
            (0..2).for_each(|_| text.sample(&[("rank", &rank.to_string())], &[], 1.0));
        }
        text.family("detail", Kind::Gauge, "x");
        for rank in 1..4 {
            text.container(rank, true);
            (0..3).for_each(|_| text.sample(&[("rank", &rank.to_string())], &[], 1.0));
        }
        text
    }

    #[test]
    fn what_is_too_much_is_left_out_details_first_and_the_last_containers_first() {
        let whole = of_four();
        assert_eq!(whole.series(), 18);
        let bound = |most| {
            let (text, left_out) = of_four().bound(most);
            assert!(text.series() <= most.max(1), "{most}");
            assert_eq!(text.out.lines().filter(|line| !line.starts_with('#')).count(), text.series());
            let counts = |family: &str| {
                (0..4).map(|rank| text.out.matches(&format!("\n{family}{{rank=\"{rank}\"")).count()).collect::<Vec<_>>()
            };
            assert_eq!(text.out.contains("# HELP detail"), counts("detail").iter().sum::<usize>() > 0);
            (counts("basic"), counts("detail"), left_out)
        };
        assert_eq!(of_four().bound(18).0.out, whole.out);
        let left_out = |whole, containers, details, cut| LeftOut { whole, containers, details, cut };
        assert_eq!(bound(17), (vec![2, 2, 2, 2], vec![0, 3, 3, 0], left_out(0, 0, 3, 1)));
        assert_eq!(bound(9), (vec![2, 2, 2, 2], vec![0; 4], left_out(0, 0, 9, 3)));
        assert_eq!(bound(6), (vec![2, 2, 0, 0], vec![0; 4], left_out(10, 2, 3, 1)));
        assert_eq!(bound(0), (vec![0; 4], vec![0; 4], left_out(17, 4, 0, 0)));
    }

    #[test]
    fn names_of_labels_have_only_what_prometheus_allows() {
        assert_eq!(
            label_name("container_label_", "com.docker/compose-project"),
            "container_label_com_docker_compose_project"
        );
    }
}
