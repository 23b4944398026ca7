//! CPU time, throttling, quota and weight: `cpu.stat`, `cpu.max` and `cpu.weight`; of v1 `cpuacct.*`, `cpu.cfs_*` and `cpu.shares`.

use super::{
    File, Limit, Version,
    text::{keyed, limit, ns_of_us, number},
};

/// A tick of `cpuacct.stat`, nanoseconds: for programs it is 1/100 s on all architectures that tracer runs on. Source: kernel
/// include/uapi/asm-generic/param.h, `USER_HZ`.
const TICK_NS: u64 = 10_000_000;

/// What is known of CPU time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu {
    /// All CPU time.
    pub usage_ns: Option<u64>,
    /// That of programs. On v1 it is a multiple of 10 ms, and so is `system_ns`.
    pub user_ns: Option<u64>,
    /// That of the kernel.
    pub system_ns: Option<u64>,
    /// Periods of the quota in which something ran. Only with the controller, as all that follow.
    pub periods: Option<u64>,
    /// Those of them in which the quota was used up.
    pub throttled_periods: Option<u64>,
    /// For how long tasks waited for the next period, summed over CPUs.
    pub throttled_ns: Option<u64>,
    /// Periods that borrowed time (kernel 5.14).
    pub bursts: Option<u64>,
    /// How much they borrowed.
    pub burst_ns: Option<u64>,
    /// CPU time that may be used in each period.
    pub quota_ns: Option<Limit>,
    /// How long a period is.
    pub period_ns: Option<u64>,
    /// Its share among the cgroups beside it, as v1 counts it: 2 to 262144, usually 1024.
    pub shares: Option<u64>,
    /// The same as v2 counts it: 1 to 10000, usually 100.
    pub weight: Option<u64>,
}

impl Cpu {
    /// How many CPUs the quota is worth; `None` without a quota.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody gives away 2^53 nanoseconds in a period")]
    pub fn quota_cpus(&self) -> Option<f64> {
        let period = self.period_ns.filter(|period| *period > 0)?;
        Some(self.quota_ns?.value()? as f64 / period as f64)
    }

    /// The share as v1 counts it, also when the kernel has the weight of v2. Source: the rule that container runtimes use to turn
    /// shares into weights, Kubernetes KEP-2254, turned around.
    #[must_use]
    pub fn shares_or_converted(&self) -> Option<u64> {
        let converted = || Some(2 + self.weight?.clamp(1, 10_000).saturating_sub(1) * 262_142 / 9_999);
        self.shares.or_else(converted)
    }

    pub(super) fn read(version: Version, file: &mut File<'_>) -> Self {
        match version {
            Version::V1 => Self::read_v1(file),
            Version::V2 => Self::read_v2(file),
        }
    }

    fn read_v1(file: &mut File<'_>) -> Self {
        let times = file("cpuacct.stat").unwrap_or_default();
        let ticks = |key| keyed(&times, key).map(|ticks| ticks.saturating_mul(TICK_NS));
        let stat = file("cpu.stat").unwrap_or_default();
        Self {
            usage_ns: file("cpuacct.usage").as_deref().and_then(number),
            user_ns: ticks("user"),
            system_ns: ticks("system"),
            periods: keyed(&stat, "nr_periods"),
            throttled_periods: keyed(&stat, "nr_throttled"),
            throttled_ns: keyed(&stat, "throttled_time"),
            bursts: keyed(&stat, "nr_bursts"),
            burst_ns: keyed(&stat, "burst_time"),
            quota_ns: file("cpu.cfs_quota_us").as_deref().and_then(limit).map(|quota| quota.map(ns_of_us)),
            period_ns: file("cpu.cfs_period_us").as_deref().and_then(number).map(ns_of_us),
            shares: file("cpu.shares").as_deref().and_then(number),
            weight: None,
        }
    }

    fn read_v2(file: &mut File<'_>) -> Self {
        let stat = file("cpu.stat").unwrap_or_default();
        let us = |key| keyed(&stat, key).map(ns_of_us);
        let max = file("cpu.max").unwrap_or_default();
        let (quota, period) = max.trim_ascii().split_once(' ').unwrap_or_default();
        Self {
            usage_ns: us("usage_usec"),
            user_ns: us("user_usec"),
            system_ns: us("system_usec"),
            periods: keyed(&stat, "nr_periods"),
            throttled_periods: keyed(&stat, "nr_throttled"),
            throttled_ns: us("throttled_usec"),
            bursts: keyed(&stat, "nr_bursts"),
            burst_ns: us("burst_usec"),
            quota_ns: limit(quota).map(|quota| quota.map(ns_of_us)),
            period_ns: number(period).map(ns_of_us),
            shares: None,
            weight: file("cpu.weight").as_deref().and_then(number),
        }
    }
}
