//! How people see that something goes on.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is shown on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Show {
    /// Nothing.
    Nothing,
    /// One line at the end.
    Line,
    /// A bar.
    Bar,
}

/// A bar, or the line that stands for it where there is no terminal.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
    show: Show,
    began: Instant,
}

impl Show {
    /// A bar on a terminal, a line elsewhere, nothing if nobody wants to know.
    pub(in crate::cli) fn unless(is_quiet: bool) -> Self {
        match (is_quiet, io::stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Bar,
            (false, false) => Self::Line,
        }
    }

    /// Begins to show how far something of `size` bytes is.
    pub(in crate::cli) fn progress(self, doing: &'static str, size: u64) -> Progress {
        const FORM: &str = "{prefix:>11} {percent:>3}% [{wide_bar}] \
                            {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        let target = match self {
            Self::Bar => ProgressDrawTarget::stderr(),
            Self::Nothing | Self::Line => ProgressDrawTarget::hidden(),
        };
        // Without a form there is a plain bar.
        let style = ProgressStyle::with_template(FORM);
        let style =
            style.map_or_else(|_| ProgressStyle::default_bar(), |s| s.progress_chars("=> "));
        let bar = ProgressBar::with_draw_target(Some(size), target).with_style(style);
        Progress { bar: bar.with_prefix(doing), show: self, began: Instant::now() }
    }
}

impl Progress {
    /// So many more bytes.
    pub(super) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// It is so far, further or not.
    pub(super) fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// It begins here: what is there already is not counted into the rate.
    pub(super) fn begin_at(&self, bytes: u64) {
        self.bar.set_position(bytes);
        self.bar.reset_eta();
    }

    /// How long it has taken.
    pub(in crate::cli) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes the bar away.
    pub(in crate::cli) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// It is done: `bytes` were moved.
    pub(in crate::cli) fn finish(&self, done: &str, bytes: u64) {
        self.clear();
        if self.show == Show::Line {
            eprintln!("casgate: {done} {}", amount(bytes, self.elapsed()));
        }
    }
}

/// How many bytes, in what time, and so how fast.
pub(in crate::cli) fn amount(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    format!("{} in {seconds:.1} s, {}", BinaryBytes(bytes), rate(bytes, time))
}

/// How fast that is.
pub(in crate::cli) fn rate(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64().max(0.001);
    format!("{}/s", BinaryBytes((bytes as f64 / seconds) as u64))
}

/// A size, in bytes and in a form for people.
pub(in crate::cli) fn size(bytes: u64) -> String {
    format!("{bytes} bytes ({})", BinaryBytes(bytes))
}
