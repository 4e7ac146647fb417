//! What a world's processes say, printed with the world's time, for whoever replays a seed.

use crate::reconcile::testing::life::now;
use std::{
    fmt::{Debug, Write},
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::time::Instant;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Loud {
    began: Instant,
    spans: AtomicU64,
}

impl Loud {
    pub(super) fn new() -> Self {
        Self { began: now(), spans: AtomicU64::new(1) }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Loud {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && metadata.target().starts_with("clerk_sync")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!(
            "{:>9.3} {:>5}",
            now().duration_since(self.began).as_secs_f64(),
            event.metadata().level()
        ));
        event.record(&mut line);
        println!("{}", line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
