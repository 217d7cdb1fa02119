//! The results as a table: for the terminal, and as Markdown.

use super::timing::{Comparison, Program, Stats, compare};
use std::fmt::Write as _;

/// The maximum ratio to the time before. Two copies of one program differ by less than this.
pub(super) const NOT_SLOWER: f64 = 1.05;

const HEADER: [&str; 7] = ["work", "ours", "against", "ratio", "measured", "budget", "holds"];

/// One result.
pub(super) struct Row {
    /// The measured work.
    pub(super) work: String,
    ours: String,
    against: String,
    ratio: String,
    measured: String,
    budget: String,
    pub(super) verdict: Verdict,
}

/// Whether a result is within its budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// There is no budget.
    Free,
    /// The used part of the budget; more than 1 exceeds it.
    Used(f64),
    /// It could not be measured, so the result is unknown.
    Unknown,
}

impl Verdict {
    pub(super) fn holds(self) -> bool {
        match self {
            Self::Free => true,
            Self::Used(part) => part <= 1.0,
            Self::Unknown => false,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Free => "",
            Self::Unknown => "not measured",
            Self::Used(_) if self.holds() => "yes",
            Self::Used(_) => "NO",
        }
    }
}

impl Row {
    /// Returns the row of a program that may take at most `budget` nanoseconds more than another.
    pub(super) fn more_than(
        work: impl Into<String>,
        other: &str,
        it: &Comparison,
        budget: Option<f64>,
    ) -> Self {
        let more = it.ours.median - it.other.median;
        Self {
            measured: format!("{} more {}", nanos(more), spread(it.extra)),
            budget: budget.map(|it| format!("at most {} more", nanos(it))).unwrap_or_default(),
            verdict: budget.map_or(Verdict::Free, |budget| Verdict::Used(more.max(0.0) / budget)),
            ..Self::ratio(work, it.ours.median, other, it.other.median)
        }
    }

    /// Returns the row of work that takes less than `budget` nanoseconds.
    pub(super) fn under(work: impl Into<String>, ours: f64, budget: f64) -> Self {
        Self {
            budget: format!("under {}", nanos(budget)),
            verdict: Verdict::Used(ours / budget),
            ..Self::alone(work, ours)
        }
    }

    /// Returns the row of work that takes less than `budget` nanoseconds, beside other work.
    pub(super) fn under_against(
        work: impl Into<String>,
        ours: f64,
        other: &str,
        theirs: f64,
        budget: f64,
    ) -> Self {
        Self {
            budget: format!("under {}", nanos(budget)),
            verdict: Verdict::Used(ours / budget),
            ..Self::ratio(work, ours, other, theirs)
        }
    }

    /// Returns the row of work that has neither a budget nor anything to compare it with.
    pub(super) fn alone(work: impl Into<String>, ours: f64) -> Self {
        Self {
            work: work.into(),
            ours: nanos(ours),
            against: String::new(),
            ratio: String::new(),
            measured: String::new(),
            budget: String::new(),
            verdict: Verdict::Free,
        }
    }

    /// Returns the row of work that is at least `times` times cheaper than other work.
    pub(super) fn cheaper(
        work: impl Into<String>,
        ours: f64,
        other: &str,
        theirs: f64,
        times: f64,
    ) -> Self {
        Self {
            measured: format!("{:.0} times cheaper", theirs / ours),
            budget: format!("at least {times} times cheaper"),
            verdict: Verdict::Used(times * ours / theirs),
            ..Self::ratio(work, ours, other, theirs)
        }
    }

    /// Returns the row of work that takes at most `times` the time of other work; `turns` are the
    /// ratios turn by turn.
    pub(super) fn at_most(
        work: impl Into<String>,
        ours: f64,
        other: &str,
        theirs: f64,
        turns: Stats,
        times: f64,
    ) -> Self {
        Self {
            measured: format!("{:.2} of it ({:.2} to {:.2})", turns.median, turns.low, turns.high),
            budget: format!("at most {times} of it"),
            verdict: Verdict::Used(ours / theirs / times),
            ..Self::ratio(work, ours, other, theirs)
        }
    }

    /// Returns the row of two results that are only compared.
    pub(super) fn ratio(work: impl Into<String>, ours: f64, other: &str, theirs: f64) -> Self {
        let digits = if ours / theirs < 0.01 { 7 } else { 2 };
        Self {
            against: format!("{other}: {}", nanos(theirs)),
            ratio: format!("{:.digits$}", ours / theirs),
            ..Self::alone(work, ours)
        }
    }

    /// Returns the row of work that needs less than `budget` times the memory of its data, in
    /// bytes.
    pub(super) fn memory(
        work: impl Into<String>,
        ours: f64,
        data: f64,
        other: &str,
        theirs: f64,
        budget: f64,
    ) -> Self {
        Self {
            ours: megabytes(ours),
            against: format!("{other}: {}", megabytes(theirs)),
            ratio: format!("{:.2}", ours / theirs),
            measured: format!("{:.2} times the data", ours / data),
            budget: format!("under {budget} times the data"),
            verdict: Verdict::Used(ours / data / budget),
            ..Self::alone(work, 0.0)
        }
    }

    /// Returns the row of two files whose sizes in bytes are compared.
    pub(super) fn size(work: impl Into<String>, ours: f64, other: &str, theirs: f64) -> Self {
        Self {
            ours: megabytes(ours),
            against: format!("{other}: {}", megabytes(theirs)),
            ratio: format!("{:.2}", ours / theirs),
            ..Self::alone(work, 0.0)
        }
    }

    /// Returns the row of work that needs at most `times` the memory of other work, in bytes.
    pub(super) fn memory_at_most(
        work: impl Into<String>,
        ours: f64,
        other: &str,
        theirs: f64,
        times: f64,
    ) -> Self {
        Self {
            ours: megabytes(ours),
            against: format!("{other}: {}", megabytes(theirs)),
            ratio: format!("{:.2}", ours / theirs),
            budget: format!("at most {times} times as much"),
            verdict: Verdict::Used(ours / theirs / times),
            ..Self::alone(work, 0.0)
        }
    }

    /// Returns the row of work that could not be measured.
    pub(super) fn missing(work: impl Into<String>, reason: &anyhow::Error) -> Self {
        Self {
            ours: String::new(),
            measured: format!("{reason:#}"),
            verdict: Verdict::Unknown,
            ..Self::alone(work, 0.0)
        }
    }

    fn cells(&self) -> [&str; 7] {
        let Self { work, ours, against, ratio, measured, budget, verdict } = self;
        [work, ours, against, ratio, measured, budget, verdict.word()]
    }
}

/// Returns the table for a terminal.
pub(super) fn text(rows: &[Row]) -> String {
    let lines: Vec<_> = std::iter::once(HEADER).chain(rows.iter().map(Row::cells)).collect();
    let widths: Vec<_> = (0..HEADER.len())
        .map(|column| lines.iter().map(|it| it[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut table = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

/// Returns the table as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut table = String::new();
    let mut push = |cells: [&str; 7]| {
        let cells = cells.map(|it| it.replace('|', "\\|"));
        writeln!(table, "| {} |", cells.join(" | ")).expect("a String takes any text");
    };
    push(HEADER);
    push(["---"; 7]);
    rows.iter().for_each(|it| push(it.cells()));
    table
}

/// Writes a time with a suitable unit.
pub(super) fn nanos(nanos: f64) -> String {
    match nanos.abs() {
        0.0..1e3 => format!("{nanos:.1} ns"),
        1e3..1e6 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

fn spread(it: Stats) -> String {
    format!("({} to {})", nanos(it.low), nanos(it.high))
}

/// Compares two programs; if one cannot be run, the row states it.
pub(super) fn row(
    work: impl Into<String>,
    ours: &Program,
    expected: &str,
    (other_name, other): &(&str, Program),
    budget: Option<f64>,
    n_runs: usize,
) -> Row {
    let work = work.into();
    eprintln!("measuring {work}");
    match ours.probe(expected).and_then(|()| compare(ours, other, n_runs)) {
        Ok(it) => Row::more_than(work, other_name, &it, budget),
        Err(err) => Row::missing(work, &err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(ours: f64, other: f64) -> Comparison {
        let stats = |median| Stats { median, low: median, high: median };
        let (extra, ratio) = (stats(ours - other), stats(ours / other));
        Comparison { ours: stats(ours), other: stats(other), extra, ratio }
    }

    #[test]
    fn a_budget_holds_up_to_its_end() {
        let row =
            |ours| Row::more_than("start", "empty", &comparison(ours, 1e6), Some(5e6)).verdict;
        assert_eq!(row(6e6), Verdict::Used(1.0));
        assert!(row(6e6).holds());
        assert!(!row(6.1e6).holds());
        // Less time than the other program is noise, and uses no part of the budget.
        assert_eq!(row(0.9e6), Verdict::Used(0.0));
    }

    #[test]
    fn cheaper_means_by_that_factor() {
        let verdict = |ours| Row::cheaper("hook", ours, "program", 1e6, 1000.0).verdict;
        assert!(verdict(100.0).holds());
        assert!(verdict(1000.0).holds());
        assert!(!verdict(1001.0).holds());
    }

    #[test]
    fn at_most_means_the_ratio_of_the_medians() {
        let turns = Stats { median: 0.5, low: 0.25, high: 2.0 };
        let row = |ours| Row::at_most("create", ours, "script", 2e6, turns, 1.0);
        assert!(row(2e6).verdict.holds() && !row(2.1e6).verdict.holds());
        assert_eq!(
            row(1e6).cells()[3..6],
            ["0.50", "0.50 of it (0.25 to 2.00)", "at most 1 of it"]
        );
    }

    #[test]
    fn memory_is_held_against_the_data() {
        let row = |ours| Row::memory("files", ours, 50e6, "copies", 100e6, 1.2);
        assert!(row(59e6).verdict.holds() && !row(61e6).verdict.holds());
        assert_eq!(
            row(55e6).cells()[1..5],
            ["55.0 MB", "copies: 100.0 MB", "0.55", "1.10 times the data",]
        );
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        assert!(!Row::missing("start", &anyhow::anyhow!("no host")).verdict.holds());
    }

    #[test]
    fn the_columns_stand_below_each_other() {
        let rows = [
            Row::under("check a layout", 17_000.0, 30_000.0),
            Row::ratio("call", 2.0, "raw call", 1.0),
        ];
        let expected = "\
work            ours     against           ratio  measured  budget         holds
check a layout  17.0 µs                                     under 30.0 µs  yes
call            2.0 ns   raw call: 1.0 ns  2.00
";
        assert_eq!(text(&rows), expected);
    }

    #[test]
    fn markdown_has_a_rule_below_its_head() {
        let table = markdown(&[Row::under("a|b", 1.5e6, 2e6)]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[1], "| --- | --- | --- | --- | --- | --- | --- |");
        assert_eq!(lines[2], "| a\\|b | 1.50 ms |  |  |  | under 2.00 ms | yes |");
    }
}
