//! `backfill`, `reconcile`, and what `status` says of them.

use super::{assert_equal, crowd};
use crate::harness::{Clerk, Database, Kind, Setup};
use clerk_emulator::{Fault, FaultKind, RouteClass};
use rstest::rstest;
use serde_json::{Value, json};

fn lists(clerk: &Clerk) -> u64 {
    clerk.stats().classes.get(&RouteClass::UserLists).map_or(0, |class| class.let_in)
}

fn reads(clerk: &Clerk) -> u64 {
    clerk.stats().classes.get(&RouteClass::UserReads).map_or(0, |class| class.let_in)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_brings_everyone(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
    #[values("1", "8")] parallel: &str,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    crowd(&clerk, 3_210);
    let setup = Setup::new(&clerk, &database);
    let report = setup.json(&["backfill", "--parallel", parallel, "--json"]).await.remove(0);
    assert_eq!(report["seen"], 3_210, "{report}");
    assert_eq!((&report["difference"], &report["refused"]), (&json!(0), &json!(0)), "{report}");
    assert_equal(&clerk, &database).await;
    assert_eq!(database.feed().await.len(), 3_210);
    // Again: nothing is new, so nothing is written.
    let again = setup.json(&["backfill", "--parallel", parallel, "--json"]).await.remove(0);
    assert_eq!((&again["seen"], &again["written"]), (&json!(3_210), &json!(0)), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_costs_a_page_for_five_hundred_users_and_three() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    crowd(&clerk, 5_000);
    Setup::new(&clerk, &database).output(&["backfill"]).await;
    assert!(lists(&clerk) <= 13, "{} lists", lists(&clerk));
    assert!(clerk.stats().classes[&RouteClass::UserCounts].let_in <= 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_tells_each_difference_and_writes_nothing(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let ids = crowd(&clerk, 600);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["backfill"]).await;
    let same = setup.run(&["reconcile", "--dry-run"]).await;
    assert_eq!(same.code, Some(0), "{same:?}");

    let (edited, lost, gone) = (&ids[7], &ids[300], &ids[599]);
    database
        .run(&format!("update users set first_name = 'Edited', email = null where clerk_id = '{edited}'"))
        .await;
    database.run(&format!("delete from users where clerk_id = '{lost}'")).await;
    clerk.bulk_delete(std::slice::from_ref(gone), false);
    let before = database.dump().await;

    let told = setup.run(&["reconcile", "--dry-run", "--json"]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    let differences: Vec<Value> =
        told.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let of = |user: &str| differences.iter().find(|line| line["user_id"] == user).unwrap_or(&Value::Null);
    assert_eq!(differences.len(), 3, "{differences:?}");
    assert_eq!(of(edited)["difference"], "differs");
    assert_eq!(of(edited)["columns"], json!(["email", "first_name"]));
    assert_eq!(of(lost)["difference"], "missing");
    assert_eq!(of(gone)["difference"], "surplus");
    assert!(!told.out.contains("Edited"), "values are shown only when asked for");
    let shown = setup.run(&["reconcile", "--dry-run", "--show-values"]).await;
    assert!(shown.out.contains("first_name: table \"Edited\""), "{}", shown.out);
    assert_eq!(database.dump().await, before);

    let repaired = setup.json(&["reconcile", "--json"]).await.remove(0);
    assert_eq!((&repaired["repaired"], &repaired["deleted"]), (&json!(2), &json!(1)), "{repaired}");
    assert_equal(&clerk, &database).await;
    assert_eq!(setup.run(&["reconcile", "--dry-run"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_deletions_wait_for_a_person() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    let ids = crowd(&clerk, 900);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["backfill"]).await;
    clerk.bulk_delete(&ids[..30], false);
    database.run(&format!("update users set first_name = 'Edited' where clerk_id = '{}'", ids[500])).await;

    let held = setup.run(&["reconcile", "--json"]).await;
    assert_eq!(held.code, Some(2), "{held:?}");
    let report: Value = serde_json::from_str(held.out.trim()).unwrap();
    assert_eq!((&report["held"], &report["deleted"]), (&json!(30), &json!(0)));
    assert_eq!(report["repaired"], 1, "everything else goes on");
    assert_eq!(reads(&clerk), 0, "no read is spent on them");
    assert_eq!(database.users().await.len(), 900);
    let status = setup.json(&["status", "--json"]).await.remove(0);
    assert_eq!((&status["held_deletions"], &status["clerk_users"]), (&json!(30), &json!(870)), "{status}");
    let server = setup.serve().await;
    assert!(server.metrics().await.contains("clerk_sync_held_deletions 30"));
    server.stop().await;

    let too_few = setup.run(&["reconcile", "--confirm-deletes", "29"]).await;
    assert_eq!((too_few.code, database.users().await.len()), (Some(2), 900), "{too_few:?}");
    let confirmed = setup.json(&["reconcile", "--confirm-deletes", "30", "--json"]).await.remove(0);
    assert_eq!((&confirmed["deleted"], &confirmed["held"]), (&json!(30), &json!(0)), "{confirmed}");
    assert_equal(&clerk, &database).await;
    assert_eq!(reads(&clerk), 30, "each is asked for once more");

    // What was confirmed takes nothing from what may go without asking; what goes without asking counts for a day.
    clerk.bulk_delete(&ids[40..49], false);
    let next = setup.json(&["reconcile", "--json"]).await.remove(0);
    assert_eq!((&next["deleted"], &next["held"]), (&json!(9), &json!(0)), "{next}");
    clerk.bulk_delete(&ids[60..62], false);
    let looked = setup.run(&["reconcile", "--dry-run", "--json"]).await;
    assert_eq!(looked.code, Some(2), "{looked:?}");
    assert_eq!(looked.out.matches("\"difference\":\"held\"").count(), 2, "{looked:?}");
    let next = setup.run(&["reconcile", "--json"]).await;
    assert_eq!(next.code, Some(2), "{next:?}");
    assert!(next.out.contains("\"held\":2"), "{next:?}");
}

#[rstest]
#[case::cut_short(FaultKind::ShortList { keep: 3 })]
#[case::empty(FaultKind::EmptyList)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_cut_short_deletes_nobody(#[case] fault: FaultKind) {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    crowd(&clerk, 40);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["backfill"]).await;
    clerk.add_fault(Fault::new(fault).times(4));
    setup.run(&["reconcile"]).await;
    assert_eq!(database.users().await.len(), 40);
    clerk.clear_faults();
    assert_eq!(setup.run(&["reconcile", "--dry-run"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_is_refused_before_anything_is_written() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    crowd(&clerk, 20);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["backfill"]).await;
    let before = (database.users().await, database.feed().await.len());
    // The same key at another address.
    let key = clerk.config().secret_key.clone();
    let other = Clerk::start_with(|config| {
        *config = clerk_emulator::EmulatorConfig::dev(8);
        config.secret_key = key;
    })
    .await;
    crowd(&other, 5);
    let moved = setup.set("CLERK_API_URL", &other.url());
    for command in [&["backfill"][..], &["reconcile"], &["reconcile", "--dry-run"]] {
        let refused = moved.run(command).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("mirrors the Clerk instance"), "{refused:?}");
    }
    assert_eq!((database.users().await, database.feed().await.len()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_deleted_here_and_alive_in_clerk_is_reported_and_brought_back_by_hand() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let ids = crowd(&clerk, 20);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["backfill"]).await;
    let server = setup.serve().await;
    server.accept(&clerk.deleted(&ids[3], crate::harness::now_ms() - 60_000)).await;
    server.stop().await;
    let told = setup.run(&["reconcile"]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.out.contains("sync --force"), "{told:?}");
    assert_eq!(database.users().await.len(), 19);
    setup.output(&["sync", "--force", &ids[3]]).await;
    assert_equal(&clerk, &database).await;
    setup.output(&["reconcile"]).await;
}
