//! A service that is well, and what is worth a note.

use super::Report;
use crate::harness::{Database, Instance, Kind, Person, Signed, Site, eventually, now_ms};
use rstest::rstest;

const ALL: [&str; 16] = [
    "catch-up",
    "clerk",
    "clock",
    "database",
    "dead letters",
    "held deletions",
    "import",
    "instance",
    "keys",
    "mapping",
    "migrations",
    "privileges",
    "public address",
    "publishable key",
    "session keys",
    "settings",
];

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_well_is_told_to_be(
    #[values(Instance::Development, Instance::Production)] instance: Instance,
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = Site::new(instance, kind).await.set("CLERK_SYNC_CATCH_UP_EVERY", "1s");
    let pem = site.clerk.signing_key().await.unwrap().public_pem().unwrap();
    let site = site.set("CLERK_JWT_KEY", &pem);
    site.user("user_ada");
    let server = site.serve().await;
    let young = Report::of(&site.setup).await;
    assert_eq!(young.notes(), ["import", "webhooks"], "{young:#?}");
    young.says("import", "note", &["CLERK_SYNC_IMPORT is off", "stay idle", "clerk-sync backfill"]);
    young.says("webhooks", "note", &["none yet", "test event"]);

    server.accept(&site.clerk.created(&Person::new("user_ada"))).await;
    site.setup.output(&["backfill"]).await;
    let before = site.database.dump().await;
    let well = Report::of(&site.setup).await;
    assert_eq!((well.notes(), well.problems()), (vec![], vec![]), "{well:#?}");
    let expected: Vec<&str> = ALL.iter().chain(&["jwt key", "signing secret", "webhooks"]).copied().collect();
    for check in &expected {
        assert_eq!(well.states(check), ["ok"], "{check}: {well:#?}");
    }
    assert_eq!(well.findings.len(), expected.len(), "{well:#?}");
    well.says("clerk", "ok", &[&site.clerk.config().instance_id]);
    // Catch-ups may go on meanwhile; they find nothing.
    assert_eq!(site.database.dump().await.lines().count(), before.lines().count());
}

/// For people: one line each, and nothing but what is known.
#[tokio::test]
async fn people_read_one_line_for_each_check() {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    server.accept(&site.clerk.created(&Person::new("user_ada"))).await;
    let finished = site.setup.run(&["doctor"]).await;
    assert_eq!((finished.code, finished.err.as_str()), (Some(0), ""), "{finished:?}");
    for start in [
        "ok       settings          ",
        "ok       keys              development (sk_test_), Frontend API at ",
        "ok       migrations        the schema is version 3, as it must be",
        "note     import            none has completed, and CLERK_SYNC_IMPORT is off: ",
    ] {
        assert_eq!(
            finished.out.lines().filter(|line| line.starts_with(start)).count(),
            1,
            "{start}: {finished:?}"
        );
    }
    assert!(finished.out.contains(" -> run clerk-sync backfill once\n"), "{finished:?}");
    assert!(
        finished.out.lines().all(|line| line.starts_with("ok ") || line.starts_with("note ")),
        "{finished:?}"
    );
    assert!(!finished.out.contains('@') && !finished.out.contains("user_ada"), "{finished:?}");
    server.stop().await;
    let finished = site.setup.run(&["doctor"]).await;
    assert_eq!((finished.code, finished.err.as_str()), (Some(1), "clerk-sync: 1 problem\n"), "{finished:?}");
}

#[rstest]
#[tokio::test]
async fn what_waits_for_a_person_is_a_note(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let site = Site::new(Instance::Development, kind).await;
    let server = site.serve().await;
    let nameless = site.clerk.event("user.deleted", &serde_json::json!({}));
    server.accept(&Signed::new("msg_1", nameless.to_string())).await;
    // It is noted a moment after the answer.
    eventually("the event's time", async || {
        site.database.number("coalesce(last_event_at, 0) from clerk_sync_meta").await > 0
    })
    .await;
    let day_ms = 24 * 60 * 60 * 1_000;
    let old = format!("update clerk_sync_meta set last_event_at = {}", now_ms() - 3 * day_ms);
    site.database.run(&old).await;
    let completed = now_ms() - 2 * day_ms;
    import_and_scrub(&site.database, completed).await;

    let site = site.set("CLERK_SYNC_CATCH_UP_EVERY", "30s");
    let report = Report::of(&site.setup).await;
    assert_eq!(report.code, Some(0), "{report:#?}");
    report.says("dead letters", "note", &["1 of events", "dead-letters list"]);
    report.says("webhooks", "note", &["3 days ago", "Clerk dashboard"]);
    report.says("held deletions", "note", &["17", "reconcile --confirm-deletes 17"]);
    report.says("alive", "note", &["2 users", "sync --force"]);
    report.says("catch-up", "note", &["2 days ago", "serve running"]);
    report.says("import", "ok", &["completed"]);

    // And an import that has only begun, or never will by itself.
    site.database.run("delete from clerk_sync_runs").await;
    let begun = format!(
        "insert into clerk_sync_runs (run, part, state, updated_at) values ('import', 0, '{}', 0)",
        import_state(completed, None)
    );
    site.database.run(&begun).await;
    let report = Report::of(&site.set("CLERK_SYNC_IMPORT", "auto").setup).await;
    report.says("import", "note", &["begun", "serve goes on"]);
    assert_eq!(report.states("catch-up"), [""; 0]);
}

fn import_state(started_at: i64, completed_at: Option<i64>) -> serde_json::Value {
    serde_json::json!({
        "started_at": started_at, "completed_at": completed_at, "first_completed_at": completed_at,
        "floor": null, "expected": 0, "seen": 0, "difference": 0,
    })
}

/// As if an import had ended then, and a scrub had found what is for a person to decide.
async fn import_and_scrub(database: &Database, at: i64) {
    let scrub = serde_json::json!({
        "completed_at": at, "incomplete_at": null, "since_import": at, "seen": 9, "repaired": 0, "deleted": 0,
        "held": 17, "alive": 2, "unconfirmed": 0, "distance": 0, "measured": 0, "measured_at": null, "deletions": [],
    });
    database.run("delete from clerk_sync_runs").await;
    for (run, state) in [("import", import_state(at, Some(at))), ("scrub", scrub)] {
        let insert = "insert into clerk_sync_runs (run, part, state, updated_at)";
        database.run(&format!("{insert} values ('{run}', 0, '{state}', 0)")).await;
    }
}
