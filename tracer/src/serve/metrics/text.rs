//! The text format of Prometheus, version 0.0.4. Source: prometheus.io/docs/instrumenting/exposition_formats.

use std::fmt::Write as _;

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
}

/// Labels of a sample: names, and any text.
pub(in crate::serve) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    /// Begins a family.
    pub(in crate::serve) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        name.clone_into(&mut self.family);
        self.out.push_str("# HELP ");
        self.out.push_str(name);
        self.out.push(' ');
        escape(help, &mut self.out, false);
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "\n# TYPE {name} {}", kind.name());
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

    #[test]
    fn names_of_labels_have_only_what_prometheus_allows() {
        assert_eq!(
            label_name("container_label_", "com.docker/compose-project"),
            "container_label_com_docker_compose_project"
        );
    }
}
