//! The disk's own speed: what no durable commit can beat.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::report::{Row, median};

/// How long one fdatasync takes here and now.
pub(crate) struct Disk {
    pub(crate) median: Duration,
    rate: f64,
}

/// Appends and syncs so many times.
pub(crate) fn measure(times: usize) -> Disk {
    let dir = tempfile::tempdir_in(crate::load::scratch()).unwrap();
    let mut file = File::create(dir.path().join("log")).unwrap();
    let all = Instant::now();
    let mut samples: Vec<Duration> = (0..times)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 256]).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    Disk {
        rate: times as f64 / all.elapsed().as_secs_f64(),
        median: median(&mut samples),
    }
}

impl Disk {
    pub(crate) fn row(&self) -> Row {
        let median = self.median.as_micros();
        Row::new(format!("{:.0}/s, median {median} µs", self.rate), "")
    }
}
