//! Reads the numbers of passed tests from the output of test runners.

use std::fmt;
use std::ops::AddAssign;

/// The numbers of tests that passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads the summary of `cargo nextest run`.
///
/// Only the last summary counts: the output of a failed test may contain another one.
pub(crate) fn of_nextest(output: &str) -> Option<Counts> {
    output.lines().rev().find_map(nextest_summary)
}

/// Reads a line such as `Summary [   0.5s] 3/4 tests run: 2 passed (1 slow), 1 failed, 0 skipped`.
fn nextest_summary(line: &str) -> Option<Counts> {
    let line = without_colours(line);
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    let (run, rest) = rest.split_once(" run: ")?;
    run.trim_end_matches('s').ends_with(" test").then_some(())?;
    let mut counts = count(without_parentheses(rest).split(','))?;
    // `3/4 tests run`: the runner was stopped, and the result of the fourth test is unknown.
    if let Some((run, all)) = run.split_whitespace().next()?.split_once('/') {
        counts.failed += all.parse::<u64>().ok()?.saturating_sub(run.parse().ok()?);
    }
    Some(counts)
}

/// Reads the summaries of `cargo test`, one for each test binary.
pub(crate) fn of_libtest(output: &str) -> Option<Counts> {
    let mut sum = None;
    for counts in output.lines().filter_map(libtest_summary) {
        *sum.get_or_insert_with(Counts::default) += counts;
    }
    sum
}

/// Reads a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered
/// out`.
fn libtest_summary(line: &str) -> Option<Counts> {
    let line = without_colours(line);
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    count(rest.split(';').filter(|it| !it.contains("measured") && !it.contains("finished in")))
}

/// Adds up parts such as `3 passed`. A test that neither passed nor was skipped has failed, even if
/// the runner uses another word, for example `timed out` or `exec failed`.
fn count<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Counts> {
    let mut counts = Counts::default();
    for part in parts {
        let (number, kind) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match kind.trim() {
            "passed" => counts.passed += number,
            "skipped" | "ignored" | "filtered out" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0;
    text.chars()
        .filter(|it| {
            depth += i32::from(*it == '(');
            let keep = depth == 0;
            depth -= i32::from(*it == ')');
            keep
        })
        .collect()
}

/// Removes escape sequences such as `ESC [ 1 m`; a user's settings may force them.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    plain.extend(parts.filter_map(|it| it.split_once('m')).map(|(_, text)| text));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    #[test]
    fn the_summary_of_nextest_is_read() {
        let one = "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(of_nextest(one), counts(1, 0, 0));
        let many = "     Summary [  12.3s] 10 tests run: 6 passed (2 slow, 1 flaky), \
                    2 failed, 1 timed out, 1 exec failed, 3 skipped\n        FAIL [ 0.1s] a b";
        assert_eq!(of_nextest(many), counts(6, 4, 3));
        let none = "     Summary [   0.000s] 0 tests run: 0 passed, 0 skipped";
        assert_eq!(of_nextest(none), counts(0, 0, 0));
    }

    #[test]
    fn tests_that_were_never_run_have_failed() {
        let stopped = "     Summary [   1.0s] 3/5 tests run: 2 passed, 1 failed, 7 skipped";
        assert_eq!(of_nextest(stopped), counts(2, 3, 7));
    }

    #[test]
    fn only_the_last_summary_of_nextest_counts() {
        let output = "Summary [ 1s] 9 tests run: 9 passed, 0 skipped\n\
                      test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\
                      Summary [ 2s] 1 test run: 0 passed, 1 failed, 0 skipped";
        assert_eq!(of_nextest(output), counts(0, 1, 0));
    }

    #[test]
    fn the_summaries_of_libtest_are_added_up() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s\n\
                      some text\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(of_libtest(output), counts(4, 2, 3));
    }

    #[test]
    fn colours_do_not_matter() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.0s] \u{1b}[1m2\u{1b}[0m tests run: \
                    \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(of_nextest(line), counts(2, 0, 0));
        let line = "test result: \u{1b}[32mok\u{1b}[m. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(of_libtest(line), counts(1, 0, 0));
    }

    #[test]
    fn output_without_a_summary_has_no_counts() {
        assert_eq!(of_nextest("error: could not compile `core`"), None);
        assert_eq!(of_libtest("error: could not compile `core`"), None);
    }

    #[test]
    fn the_line_of_counts_has_a_fixed_form() {
        let line = Counts { passed: 12, failed: 0, skipped: 3 }.to_string();
        assert_eq!(line, "12 passed, 0 failed, 3 skipped");
    }
}
