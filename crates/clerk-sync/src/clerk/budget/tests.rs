use super::*;
use clerk_auth::clock::ManualClock;

mod harness;
mod lanes;
mod replicas;
mod shared_instance;
mod waiting;
mod windows;

const PATIENT: Duration = Duration::from_secs(3_600);

fn budget(limit: u32) -> (Arc<Budget>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(0));
    (Arc::new(Budget::new(limit, Arc::clone(&clock) as Arc<dyn Clock>)), clock)
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
