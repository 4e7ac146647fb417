//! Replicas share one limit, one leader, and leave room for people.

use super::{assert_equal, crowd};
use crate::harness::{Clerk, Database, Kind, Setup, eventually, now_ms};
use clerk_emulator::NewUser;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_keep_one_limit_and_people_are_answered_during_an_import() {
    let clerk = Clerk::start_with(|config| config.requests_per_10s = Some(100)).await;
    let database = Database::fresh(Kind::Postgres).await;
    // 60 pages at half of 100 requests in ten seconds take twelve seconds.
    crowd(&clerk, 30_000);
    let setup = Setup::new(&clerk, &database)
        .set("CLERK_SYNC_IMPORT", "auto")
        .set("CLERK_SYNC_CATCH_UP_EVERY", "2s")
        .set("CLERK_SYNC_SCRUB_EVERY", "24h");
    let replicas = [setup.serve().await, setup.serve().await, setup.serve().await];
    eventually("somebody to import", async || !database.users().await.is_empty()).await;
    // Events that need a read, at each of the replicas, in the middle of it.
    let mut slowest = 0;
    for round in 0..9 {
        let user = clerk
            .create_user(NewUser::new().email(format!("person{round}@example.com")).first_name("Person"))
            .unwrap();
        let id = user["id"].as_str().unwrap();
        let began = now_ms();
        replicas[round % 3].accept(&clerk.unreadable(id)).await;
        slowest = slowest.max(now_ms() - began);
        assert!(database.first_name(id).await.is_some());
    }
    assert!(slowest < 3_000, "an interactive call waited {slowest} ms");
    eventually("the end of the import", async || {
        let logs = replicas.iter().map(|replica| replica.log_text());
        logs.filter(|log| log.contains("the import is complete")).count() == 1
    })
    .await;
    assert_equal(&clerk, &database).await;
    let stats = clerk.stats();
    assert!(stats.peak_per_10s <= 100, "{} requests within ten seconds", stats.peak_per_10s);
    assert_eq!(stats.too_many_requests, 0);

    // The leader is killed: another goes on.
    let leader = leading(&replicas).await;
    replicas[leader].kill().await;
    clerk.create_user(NewUser::new().email("after@example.com").first_name("After")).unwrap();
    eventually("another leader", async || database.users().await.values().any(|name| name == "After")).await;
    for (position, replica) in replicas.iter().enumerate() {
        if position != leader {
            replica.stop().await;
        }
    }
}

async fn leading(replicas: &[crate::harness::Server; 3]) -> usize {
    for (position, replica) in replicas.iter().enumerate() {
        if replica.metrics().await.contains("clerk_sync_leading 1") {
            return position;
        }
    }
    panic!("nobody leads");
}
