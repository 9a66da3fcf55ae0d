//! What became of spans.

use crate::observe::expose::Page;
use crate::observe::metrics::Counter;

/// What became of spans.
#[derive(Debug, Default)]
pub struct Counts {
    exported: Counter,
    no_room: Counter,
    not_taken: Counter,
}

impl Counts {
    /// The collector has so many.
    pub fn exported(&self, spans: u64) {
        self.exported.add(spans);
    }

    /// The collector did not take so many, or could not be reached.
    pub fn not_taken(&self, spans: u64) {
        self.not_taken.add(spans);
    }

    pub(super) fn without_room(&self) {
        self.no_room.count();
    }

    pub(in crate::observe) fn show(&self, page: &mut Page) {
        const DROPPED: &str = "portcullis_spans_dropped_total";
        page.single(
            "portcullis_spans_exported_total",
            "counter",
            "Spans that the collector has.",
            self.exported.get(),
        );
        page.family(DROPPED, "counter", "Spans that the collector never gets, by the reason.");
        for (reason, counter) in [("queue", &self.no_room), ("export", &self.not_taken)] {
            page.sample(DROPPED, &[("reason", reason)], counter.get());
        }
    }
}
