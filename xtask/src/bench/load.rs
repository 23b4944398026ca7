//! The loads: commands that make a known number of system calls.

use std::env;

/// A command, and what it does.
#[derive(Debug, Clone)]
pub(super) struct Load {
    /// As given to `--load`.
    pub(super) name: &'static str,
    /// The command, and its arguments.
    pub(super) words: Vec<String>,
    /// How many of `unit` it makes.
    pub(super) calls: u64,
    /// What costs are divided by: `call` or `spawn`.
    pub(super) unit: &'static str,
    shrink: u32,
}

/// Reads and writes of each of the two `dd`.
const DD_BLOCKS: u32 = 1_500_000;
const FILES: u32 = 300_000;
/// Round trips, of four calls each.
const REQUESTS: u32 = 60_000;
const SPAWNS: u32 = 2_000;
/// Calls a second, and seconds, of one paced producer.
const PACED: (u32, u32) = (1_000_000, 30);

/// All loads, each divided by `shrink`.
pub(super) fn all(shrink: u32) -> Vec<Load> {
    ["dd", "files", "request", "spawns", "paced"].map(|name| make(name, shrink)).into()
}

fn make(name: &'static str, shrink: u32) -> Load {
    let own = || env::current_exe().map_or_else(|_| "xtask".to_owned(), |path| path.to_string_lossy().into_owned());
    let workload = |kind: &str, arguments: &[String]| {
        let words = [own(), "workload".to_owned(), kind.to_owned()];
        words.into_iter().chain(arguments.iter().cloned()).collect::<Vec<_>>()
    };
    let (words, calls, unit) = match name {
        "dd" => {
            let blocks = DD_BLOCKS / shrink;
            let one = format!("dd if=/dev/zero of=/dev/null bs=1 count={blocks}");
            (vec!["sh".to_owned(), "-c".to_owned(), format!("{one} & {one}; wait")], 4 * u64::from(blocks), "call")
        }
        "files" => {
            let count = FILES / shrink;
            (workload("files", &[count.to_string(), super::sample_file()]), 3 * u64::from(count), "call")
        }
        "request" => {
            let count = REQUESTS / shrink;
            // On one CPU, else the time is that of waking the other one up, or not, as the scheduler likes.
            let mut words = ["taskset", "-c", "0"].map(str::to_owned).to_vec();
            words.extend(workload("request", &[count.to_string()]));
            (words, 4 * u64::from(count), "call")
        }
        "spawns" => {
            let count = SPAWNS / shrink;
            (workload("spawns", &[count.to_string()]), u64::from(count), "spawn")
        }
        _ => {
            let (rate, seconds) = (PACED.0, (PACED.1 / shrink).max(1));
            let calls = u64::from(rate) * u64::from(seconds);
            (workload("paced", &[rate.to_string(), seconds.to_string()]), calls, "call")
        }
    };
    Load { name, words, calls, unit, shrink }
}

impl Load {
    /// The load of that name.
    pub(super) fn named(name: &str, shrink: u32) -> Option<Self> {
        all(shrink).into_iter().find(|load| load.name == name)
    }

    /// The one that makes a million calls a second.
    pub(super) fn paced(shrink: u32) -> Self {
        make("paced", shrink)
    }

    /// The same load, smaller: for observers that are too slow for the whole.
    pub(super) fn divided(&self, by: u32) -> Self {
        make(self.name, self.shrink * by)
    }

    /// Whether it takes the same time whatever the cost: only what is lost tells something.
    pub(super) fn is_paced(&self) -> bool {
        self.name == "paced"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divided_load_makes_fewer_calls() {
        let loads = all(1);
        assert_eq!(loads[0].calls, 6_000_000);
        assert_eq!(loads[0].divided(20).calls, 300_000);
        assert_eq!(loads[4].divided(10).calls, 3_000_000);
    }
}
