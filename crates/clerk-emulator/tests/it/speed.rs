use clerk_emulator::{Clock as _, SystemClock};
use serde_json::json;

use crate::harness::{Clerk, NOON};

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// Seconds of processor this process has used, the client in it included.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// `cargo test --release -p clerk-emulator --test it -- --ignored --nocapture a_million` says what a million users
/// take to make, to keep and to list. The bodies are received but not unpacked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_million_users_can_be_listed_quickly() {
    const USERS: u64 = 1_000_000;
    let clerk = Clerk::start_with(|config| config.requests_per_10s = Some(u32::MAX)).await;
    let (memory, began) = (resident_bytes(), SystemClock.now_ms());
    let bulk = json!({ "count": USERS, "created_at_from": NOON, "created_at_step_ms": 1 });
    assert_eq!(clerk.post("/__emulator/users/bulk", bulk).await.status, 200);
    let took = SystemClock.now_ms() - began;
    println!("seeding: {took} ms, {} bytes of memory a user", (resident_bytes() - memory) / USERS);
    let http = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    for encoding in ["gzip", "identity"] {
        let (began, used) = (SystemClock.now_ms(), processor_seconds());
        let mut bytes = 0;
        for page in 0..2_000 {
            // Windows instead of cursors: the page need not be read to know the next one.
            let after = NOON + page * 500 - 1;
            let query = format!("limit=500&order_by=created_at&created_at_after={after}");
            let request = http.get(format!("{}/v1/users?{query}", clerk.url()));
            let request = request.bearer_auth(&clerk.config().secret_key).header("accept-encoding", encoding);
            bytes += request.send().await.unwrap().bytes().await.unwrap().len();
        }
        let (seconds, used) = ((SystemClock.now_ms() - began) as f64 / 1_000.0, processor_seconds() - used);
        println!(
            "{encoding}: {:.0} pages a second, {:.2} ms of processor and {} bytes a page",
            2_000.0 / seconds,
            used / 2.0,
            bytes / 2_000
        );
    }
    let began = SystemClock.now_ms();
    for page in 0..20 {
        clerk.get(&format!("/v1/users?limit=500&order_by=-updated_at&offset={}", page * 500)).await;
    }
    println!("-updated_at to offset 10,000, unpacked: {} ms a page", (SystemClock.now_ms() - began) / 20);
    let began = SystemClock.now_ms();
    clerk.get(&format!("/v1/users/count?created_at_after={NOON}")).await;
    println!("a count of everyone by created_at: {} ms", SystemClock.now_ms() - began);
}
