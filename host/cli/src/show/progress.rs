//! How far many workflows are: a bar where a person watches, a line now and then elsewhere.
//!
//! Knows numbers only.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::console::Console;
use super::text;

/// A log must not fill up with progress.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Remaining time and rate move even while nothing ends.
const TICK: Duration = Duration::from_millis(200);

const TEMPLATE: &str = "{bar:40} {human_pos} of {human_len} workflows  {rate}  {eta} left";

/// How far many workflows are.
pub(crate) struct Progress {
    console: Arc<Console>,
    total: usize,
    ended: usize,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// None of so many has ended.
    pub(crate) fn new(console: &Arc<Console>, total: usize) -> Progress {
        let bar = console.is_watched().then(|| bar(total));
        if let Some(bar) = &bar {
            console.draw_above(bar.clone());
        }
        Progress {
            console: Arc::clone(console),
            total,
            ended: 0,
            told: Instant::now(),
            bar,
        }
    }

    /// One more has ended.
    pub(crate) fn one_more(&mut self) {
        self.set(self.ended + 1);
    }

    /// So many have ended.
    pub(crate) fn set(&mut self, ended: usize) {
        self.ended = ended;
        match &self.bar {
            Some(bar) => bar.set_position(ended as u64),
            None => self.tell_now_and_then(),
        }
    }

    fn tell_now_and_then(&mut self) {
        if self.told.elapsed() >= LINE_INTERVAL {
            self.told = Instant::now();
            let total = text::count(self.total, "workflow");
            self.console
                .note(&format!("{} of {total} have ended", self.ended));
        }
    }
}

/// However the work ends, no half bar stays behind.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template(TEMPLATE).expect("the template is a constant that is right");
    let style = style.with_key("rate", rate);
    let bar = ProgressBar::new(total as u64).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // What cannot be written is drawn again soon.
    write!(out, "{:.0}/s", state.per_sec()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        bar(3).finish_and_clear();
    }
}
