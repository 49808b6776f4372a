//! The table of results.

use std::time::Duration;

use comfy_table::{Table, presets};

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, Row)>);

/// One result, with the goal that it is measured against.
pub(crate) struct Row {
    result: String,
    goal: String,
}

impl Row {
    pub(crate) fn new(result: impl Into<String>, goal: impl Into<String>) -> Row {
        Row {
            result: result.into(),
            goal: goal.into(),
        }
    }
}

impl Report {
    pub(crate) fn add(&mut self, what: impl Into<String>, row: Row) {
        let what = what.into();
        eprintln!("  {what}: {}", row.result);
        self.0.push((what, row));
    }

    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["measured", "result", "goal"]);
        for (what, row) in &self.0 {
            table.add_row([what, &row.result, &row.goal]);
        }
        #[expect(clippy::print_stdout, reason = "the table is what the command is for")]
        {
            println!("{table}");
        }
    }
}

/// The middle one; sorts them.
pub(crate) fn median(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

/// The 99th percentile of sorted samples.
pub(crate) fn p99(samples: &[Duration]) -> Duration {
    samples[samples.len() * 99 / 100]
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
