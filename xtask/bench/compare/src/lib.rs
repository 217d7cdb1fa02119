//! The common parts of the programs: the clock, and the output.

use std::time::{Duration, Instant};

/// The sizes of the images that a program inspects: 64 bytes and 50 MB.
pub const SIZES: [usize; 2] = [64, 50_000_000];

/// Prints the measured times, in nanoseconds, as JSON.
pub fn print(load: Duration, [small, large]: [f64; 2]) {
    println!("{{\"load\":{},\"small\":{small},\"large\":{large}}}", load.as_nanos());
}

/// Returns how many nanoseconds a call takes: the median of several batches.
pub fn nanos(mut call: impl FnMut()) -> f64 {
    let mut batch = |n: u32| {
        let start = Instant::now();
        (0..n).for_each(|_| call());
        start.elapsed()
    };
    let mut n_calls = 1;
    while batch(n_calls) < Duration::from_millis(2) {
        n_calls *= 2;
    }
    let mut batches: Vec<_> =
        (0..21).map(|_| batch(n_calls).as_nanos() as f64 / f64::from(n_calls)).collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}
