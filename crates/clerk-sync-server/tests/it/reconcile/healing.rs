//! `serve` heals by itself, with every webhook lost.

use super::{assert_equal, crowd};
use crate::harness::{Clerk, Database, Kind, PATIENCE, Setup, eventually, pass};
use clerk_emulator::{Fault, FaultKind, NewUser};
use rstest::rstest;
use std::time::Duration;

fn eager(clerk: &Clerk, database: &Database) -> Setup {
    Setup::new(clerk, database)
        .set("CLERK_SYNC_IMPORT", "auto")
        .set("CLERK_SYNC_CATCH_UP_EVERY", "1s")
        .set("CLERK_SYNC_SCRUB_EVERY", "24h")
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_is_imported_and_what_changes_is_caught_up_with(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let ids = crowd(&clerk, 1_200);
    let server = eager(&clerk, &database).serve().await;
    server.logged("the import is complete").await;
    assert_equal(&clerk, &database).await;
    clerk.bulk_change(&ids[..700], false);
    clerk.create_user(NewUser::new().email("late@example.com").first_name("Late")).unwrap();
    eventually("the changes that no webhook told", async || {
        database.first_name(&ids[0]).await
            == clerk.user(&ids[0]).map(|user| user["first_name"].as_str().unwrap_or_default().to_owned())
            && database.users().await.len() == 1_201
    })
    .await;
    eventually("all of them", async || database.users().await == super::clerk_users(&clerk)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_taken_while_the_import_runs() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    crowd(&clerk, 2_500);
    clerk.add_fault(Fault::new(FaultKind::ApiLatency { ms: 700 }).path("/v1/users"));
    let server = eager(&clerk, &database).serve().await;
    server.logged("are imported; webhooks are taken meanwhile").await;
    let person = crate::harness::Person::new("user_by_webhook");
    server.accept(&clerk.created(&person)).await;
    assert!(database.users().await.len() < 2_500, "the import is not through yet");
    clerk.clear_faults();
    server.logged("the import is complete").await;
    assert_eq!(database.users().await.len(), 2_501);
    server.stop().await;
}

/// Two readings of the count, a minute apart, and then the scrub.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_deletion_is_found_by_the_count() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let ids = crowd(&clerk, 700);
    let server = eager(&clerk, &database).serve().await;
    server.logged("the import is complete").await;
    clerk.bulk_delete(&ids[5..8], false);
    pass(Duration::from_secs(60)).await;
    tokio::time::timeout(PATIENCE, async {
        server.logged("drifted apart").await;
    })
    .await
    .expect("a scrub in a hurry");
    eventually("the deletions", async || database.users().await.len() == 697).await;
    assert_equal(&clerk, &database).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_import_nothing_is_compared_and_the_log_says_so() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    crowd(&clerk, 30);
    let setup = eager(&clerk, &database).set("CLERK_SYNC_IMPORT", "off");
    let server = setup.serve().await;
    server.logged("stay idle until clerk-sync backfill has completed once").await;
    pass(Duration::from_secs(2)).await;
    assert!(database.users().await.is_empty());
    let status = setup.output(&["status"]).await;
    assert!(status.contains("until clerk-sync backfill has completed once"), "{status}");
    // A person's command is given the lease, and from then on it goes by itself.
    setup.output(&["backfill"]).await;
    assert_equal(&clerk, &database).await;
    clerk.create_user(NewUser::new().email("late@example.com").first_name("Late")).unwrap();
    tokio::time::timeout(Duration::from_secs(90), async {
        while database.users().await.len() < 31 {
            pass(Duration::from_millis(200)).await;
        }
    })
    .await
    .expect("caught up");
    server.stop().await;
}
