//! From the rounds to the figures, and from the figures to a verdict.

use std::fmt::{self, Write as _};

use super::contender::{BARE, Contender, OURS, YARDSTICK};
use super::held::Held;

/// Idle memory of the gateway at most.
const IDLE_KIB: u64 = 15 * 1024;

/// One contender in one round.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    /// CPU time for each request, of all of the proxy's processes.
    pub(super) cpu_us: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) resident_kib: u64,
    /// CPU time over time passed: well below 1 for each processor means that the client was the slower.
    pub(super) busy: f64,
}

/// One contender in all rounds.
pub(super) struct Series {
    pub(super) contender: &'static Contender,
    rounds: Vec<Measured>,
    /// Of each round, CPU time in relation to that of what it is held against, measured beside it.
    ratios: Vec<f64>,
}

impl Series {
    pub(super) fn new(contender: &'static Contender) -> Self {
        Series { contender, rounds: Vec::new(), ratios: Vec::new() }
    }

    pub(super) fn add(&mut self, measured: Measured, beside_us: f64) {
        self.rounds.push(measured);
        self.ratios.push(measured.cpu_us / beside_us);
    }

    fn median(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        Spread::of(self.rounds.iter().map(figure)).median
    }

    /// CPU time in relation to another's in the same round.
    fn in_terms_of(&self, other: &Series, all: &[Series]) -> Spread {
        if other.contender.name == self.contender.beside().name {
            return Spread::of(self.ratios.iter().copied());
        }
        let (ours, theirs) = (self.in_yardsticks(all), other.in_yardsticks(all));
        Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }

    /// Of each round, CPU time in relation to the yardstick's: by way of what it is held against.
    fn in_yardsticks(&self, all: &[Series]) -> Vec<f64> {
        let beside = self.contender.beside().name;
        if self.contender.name == YARDSTICK {
            return vec![1.0; self.ratios.len()];
        }
        if beside == YARDSTICK {
            return self.ratios.clone();
        }
        let beside = all.iter().find(|one| one.contender.name == beside);
        let beside = beside.map(|one| one.in_yardsticks(all)).unwrap_or_default();
        self.ratios.iter().zip(beside).map(|(own, beside)| own * beside).collect()
    }
}

/// The last round.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(last), Some(ratio)) = (self.rounds.last(), self.ratios.last()) else {
            return Ok(());
        };
        let (name, cpu, rate) = (self.contender.name, last.cpu_us, last.per_second);
        write!(f, "{name:<24} {ratio:>5.2}  {cpu:>6.1} µs CPU, {rate:>7.0} calls/s")
    }
}

/// The middle of some figures and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        let last = figures.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(figures.len() / 2));
        Spread { least: at(0), median, most: at(last) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

/// A table in Markdown, ready for a document.
pub(super) fn of_calls(series: &[Series]) -> String {
    let mut text = format!(
        "| contender | CPU, {YARDSTICK} = 1.00 | CPU µs | calls/s | p50 µs | p99 µs | RSS MiB | busy |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    let Some(base) = series.iter().find(|one| one.contender.name == YARDSTICK) else { return text };
    for one in series {
        let name = one.contender.name;
        let ratio = one.in_terms_of(base, series);
        let (cpu, rate) = (one.median(|m| m.cpu_us), one.median(|m| m.per_second));
        let (p50, p99) = (one.median(|m| m.p50_us), one.median(|m| m.p99_us));
        let resident = one.median(|m| mib(m.resident_kib));
        let busy = one.median(|m| m.busy);
        let _ = writeln!(
            text,
            "| {name} | {ratio} | {cpu:.1} | {rate:.0} | {p50:.0} | {p99:.0} | {resident:.1} | {busy:.2} |"
        );
    }
    text
}

pub(super) fn of_streams(held: &[Held], streams: usize) -> String {
    if held.is_empty() {
        return String::new();
    }
    let mut text =
        format!("| {streams} held streams | KiB for each | idle RSS MiB |\n| --- | --- | --- |\n");
    for one in held {
        let (name, each, idle) = (one.contender.name, one.each_kib, mib(one.idle_kib));
        let _ = writeln!(text, "| {name} | {each:.1} | {idle:.1} |");
    }
    text
}

/// One line for each bound, and whether all were kept. A bound that was not measured is not kept.
pub(super) fn verdicts(series: &[Series], held: &[Held]) -> (String, bool) {
    let mut lines = Verdicts { text: String::new(), passed: true };
    let named = |name: &str| series.iter().find(|one| one.contender.name == name);
    for one in series {
        let Some(bound) = one.contender.bound else { continue };
        let found = named(bound.of).map(|other| one.in_terms_of(other, series).median);
        lines.add(&format!("CPU of {}, in {}", one.contender.name, bound.of), found, bound.times);
    }
    if named(OURS).is_some() {
        let each = |name: &str| held.iter().find(|one| one.contender.name == name);
        let stream = each(OURS).zip(each(BARE)).map(|(ours, bare)| ours.each_kib / bare.each_kib);
        lines.add(&format!("a held stream, in {BARE}"), stream, 1.0);
        let idle = each(OURS).map(|ours| mib(ours.idle_kib));
        lines.add("idle RSS, in MiB", idle, mib(IDLE_KIB));
    }
    (lines.text, lines.passed)
}

struct Verdicts {
    text: String,
    passed: bool,
}

impl Verdicts {
    fn add(&mut self, what: &str, found: Option<f64>, bound: f64) {
        let kept = found.is_some_and(|found| found <= bound);
        self.passed &= kept;
        let verdict = match (found, kept) {
            (None, _) => "NOT MEASURED",
            (Some(_), true) => "reached",
            (Some(_), false) => "MISSED",
        };
        let found = found.map_or("-".to_owned(), |found| format!("{found:.2}"));
        let _ = writeln!(self.text, "{what:<44} {found:>6}, at most {bound:.2}: {verdict}");
    }
}

fn mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::super::contender::CONTENDERS;
    use super::*;

    /// The yardstick took 10 µs in the first round, and then as long as the machine made it.
    fn series(name: &str, cpu: &[f64], yardstick: &[f64]) -> Series {
        let contender = CONTENDERS.iter().find(|contender| contender.name == name).unwrap();
        let mut series = Series::new(contender);
        for (cpu_us, yardstick_us) in cpu.iter().zip(yardstick) {
            let measured = Measured {
                cpu_us: *cpu_us,
                per_second: 1.0,
                p50_us: 1.0,
                p99_us: 1.0,
                resident_kib: 1024,
                busy: 1.0,
            };
            series.add(measured, *yardstick_us);
        }
        series
    }

    fn held(name: &str, each_kib: f64, idle_kib: u64) -> Held {
        let contender = CONTENDERS.iter().find(|contender| contender.name == name).unwrap();
        Held { contender, idle_kib, each_kib }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was twice as slow in the second round, for all.
        let base = [10.0, 20.0, 10.0];
        let ours = series(OURS, &[12.0, 30.0, 13.0], &base);
        let all = [series(YARDSTICK, &base, &base), ours, series(BARE, &[12.0, 15.0, 6.5], &base)];
        let [yardstick, ours, hyper] = &all;
        let ratio = ours.in_terms_of(yardstick, &all);
        assert_eq!(ratio, Spread { least: 1.2, median: 1.3, most: 1.5 });
        let ratio = ours.in_terms_of(hyper, &all);
        assert_eq!(ratio, Spread { least: 1.0, median: 2.0, most: 2.0 });
        // Held against ours, which took as long as before.
        let rotation = series("portcullis-2000", &[24.0, 30.0, 26.0], &[12.0, 30.0, 13.0]);
        let ratio = rotation.in_terms_of(ours, &all);
        assert_eq!(ratio, Spread { least: 1.0, median: 2.0, most: 2.0 });
        let ratio = rotation.in_terms_of(yardstick, &all);
        assert_eq!(ratio, Spread { least: 1.5, median: 2.4, most: 2.6 });
        assert_eq!(Spread::of([1.0, 2.0].into_iter()).median.to_bits(), 1.5_f64.to_bits());
    }

    fn one_round(cpu: f64) -> [Series; 2] {
        [series(YARDSTICK, &[10.0], &[10.0]), series(OURS, &[cpu], &[10.0])]
    }

    #[test]
    fn a_bound_is_reached_up_to_itself() {
        let streams = [held(BARE, 20.0, 4096), held(OURS, 20.0, IDLE_KIB)];
        let (text, passed) = verdicts(&one_round(13.5), &streams);
        assert!(passed && text.matches("reached").count() == 3, "{text}");
        assert!(!verdicts(&one_round(13.6), &streams).1);
        let fat = [held(BARE, 20.0, 4096), held(OURS, 20.1, IDLE_KIB + 1)];
        let (text, passed) = verdicts(&one_round(13.5), &fat);
        assert!(!passed && text.matches("MISSED").count() == 2, "{text}");
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let (text, passed) = verdicts(&one_round(12.0), &[]);
        assert!(!passed && text.matches("NOT MEASURED").count() == 2, "{text}");
        // Without ours there is nothing to keep.
        let [yardstick, _] = one_round(12.0);
        assert_eq!(verdicts(&[yardstick], &[]), (String::new(), true));
    }
}
