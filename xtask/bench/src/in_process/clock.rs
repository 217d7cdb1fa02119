//! Times calls that are much shorter than the clock's resolution.

use std::time::{Duration, Instant};

/// The number of batches; the result is their median.
const BATCHES: usize = 41;

/// The minimum time of a batch: long enough for the clock, and short enough that few batches are
/// interrupted.
const BATCH_TIME: Duration = Duration::from_millis(2);

/// Returns how many nanoseconds `call` takes.
pub(crate) fn nanos_per_call(mut call: impl FnMut()) -> f64 {
    let n_calls = calibrate(&mut call);
    let batches = (0..BATCHES).map(|_| batch(n_calls, &mut call).as_nanos() as f64);
    median(batches.map(|it| it / f64::from(n_calls)).collect())
}

/// Returns the median of some numbers; there must be at least one.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Returns the number of calls in a batch; also warms up.
fn calibrate(call: &mut impl FnMut()) -> u32 {
    let mut n_calls = 1;
    while batch(n_calls, call) < BATCH_TIME && n_calls < 1 << 30 {
        n_calls *= 2;
    }
    n_calls
}

fn batch(n_calls: u32, call: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..n_calls {
        call();
    }
    start.elapsed()
}
