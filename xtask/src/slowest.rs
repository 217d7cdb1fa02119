//! Reads the time of each test from the output of test runners.

/// How many of the slowest tests are shown.
const N_SHOWN: usize = 10;

/// The time of a test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Time {
    seconds: f64,
    /// The program that has the test, and the test's name.
    test: String,
}

/// Prints the slowest tests, one per line.
pub(crate) fn show(mut times: Vec<Time>) {
    times.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    if !times.is_empty() {
        println!("\nThe slowest tests:");
    }
    for Time { seconds, test } in times.iter().take(N_SHOWN) {
        println!("{seconds:>8.1} s  {test}");
    }
}

/// Reads the output of `cargo test` with `--report-time`.
pub(crate) fn of_libtest(output: &str) -> Vec<Time> {
    let mut program = "";
    let mut times = Vec::new();
    for line in output.lines() {
        program = program_of(line).unwrap_or(program);
        times.extend(libtest_time(line, program));
    }
    times
}

/// Reads a line such as `Running unittests src/lib.rs (target/debug/deps/pintle-0123456789abcdef)`.
fn program_of(line: &str) -> Option<&str> {
    let (_, path) = line.trim_start().strip_prefix("Running ")?.rsplit_once('(')?;
    let file = path.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    Some(file.rsplit_once('-').map_or(file, |it| it.0))
}

/// Reads a line such as `test tidy::no_file_has_tabs ... ok <0.012s>`.
fn libtest_time(line: &str, program: &str) -> Option<Time> {
    let (test, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let (_, seconds) = rest.strip_suffix("s>")?.rsplit_once('<')?;
    Some(Time { seconds: seconds.parse().ok()?, test: format!("{program} {test}") })
}

/// Reads the output of `cargo nextest run`, which repeats failed tests at its end.
pub(crate) fn of_nextest(output: &str) -> Vec<Time> {
    let mut times: Vec<Time> = Vec::new();
    for time in output.lines().filter_map(nextest_time) {
        if !times.contains(&time) {
            times.push(time);
        }
    }
    times
}

/// Reads a line such as `PASS [   0.012s] (1/9) xtask::bin/xtask tidy::no_file_has_tabs`.
fn nextest_time(line: &str) -> Option<Time> {
    let rest = line.trim_start();
    let rest = rest.strip_prefix("PASS [").or_else(|| rest.strip_prefix("FAIL ["))?;
    let (seconds, rest) = rest.split_once("s]")?;
    let words = rest.split_whitespace().rev().take(2).collect::<Vec<_>>();
    let [test, program] = words.as_slice() else { return None };
    Some(Time { seconds: seconds.trim().parse().ok()?, test: format!("{program} {test}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: f64, test: &str) -> Time {
        Time { seconds, test: test.to_owned() }
    }

    #[test]
    fn the_times_of_libtest_are_read_with_the_programs() {
        let output = "\
            \x20    Running unittests src/main.rs (target/debug/deps/xtask-0011223344556677)\n\
            test tidy::tabs ... ok <0.012s>\n\
            test tidy::ends ... FAILED <1.500s>\n\
            test tidy::left ... ignored\n\
            test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
            \x20    Running tests/main.rs (target/debug/deps/host-8899aabbccddeeff)\n\
            test listing::all ... ok <61.000s>\n";
        let expected = [
            time(0.012, "xtask tidy::tabs"),
            time(1.5, "xtask tidy::ends"),
            time(61.0, "host listing::all"),
        ];
        assert_eq!(of_libtest(output), expected);
    }

    #[test]
    fn the_times_of_nextest_are_read_once() {
        let output = "\
            \x20       PASS [   0.012s] (1/2) xtask::bin/xtask tidy::tabs\n\
            \x20       SLOW [> 60.000s] pintle::host listing::all\n\
            \x20       FAIL [  61.250s] (2/2) pintle::host listing::all\n\
            \x20    Summary [  61.3s] 2 tests run: 1 passed, 1 failed, 0 skipped\n\
            \x20       FAIL [  61.250s] (2/2) pintle::host listing::all\n";
        let expected =
            [time(0.012, "xtask::bin/xtask tidy::tabs"), time(61.25, "pintle::host listing::all")];
        assert_eq!(of_nextest(output), expected);
    }
}
