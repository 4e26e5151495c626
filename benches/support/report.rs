//! Samples, and the table that is printed of them.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

/// A table of measurements; printed when it is dropped.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 6]>,
}

impl Table {
    /// Adds times: their median, 99th percentile and maximum, beside the aim.
    pub fn times(&mut self, what: &str, aim: &str, mut samples: Vec<Duration>) {
        samples.sort_unstable();
        let at = |share: f64| {
            let index = ((samples.len() as f64 * share).ceil() as usize).saturating_sub(1);
            samples.get(index).map_or_else(|| "–".to_owned(), |sample| milliseconds(*sample))
        };
        let row = [what.to_owned(), samples.len().to_string(), at(0.5), at(0.99), at(1.0), aim.to_owned()];
        self.rows.push(row);
    }

    /// Adds one value.
    pub fn value(&mut self, what: &str, aim: &str, value: String) {
        let none = String::new;
        self.rows.push([what.to_owned(), "1".to_owned(), value, none(), none(), aim.to_owned()]);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let heads = ["", "n", "median", "p99", "max", "aim"].map(str::to_owned);
        let mut out = String::new();
        let mut line = |[what, n, median, p99, max, aim]: &[String; 6]| {
            let _ =
                writeln!(out, "| {what:<58} | {n:>5} | {median:>10} | {p99:>10} | {max:>10} | {aim:<12} |");
        };
        line(&heads);
        self.rows.iter().for_each(&mut line);
        // A reader that has gone away is no reason to fail.
        let _ = std::io::stdout().lock().write_all(out.as_bytes());
    }
}

/// `12.34 ms`, or `980 µs` where it is less than one.
pub fn milliseconds(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1_000.0 { format!("{micros:.0} µs") } else { format!("{:.2} ms", micros / 1e3) }
}

/// Runs `work` `count` times, after one run that does not count.
pub fn measure<T>(count: usize, mut work: impl FnMut() -> T) -> Vec<Duration> {
    std::hint::black_box(work());
    (0..count)
        .map(|_| {
            let began = Instant::now();
            let result = std::hint::black_box(work());
            let took = began.elapsed();
            drop(result);
            took
        })
        .collect()
}
