//! An import survives being killed, and costs no page twice.

use super::{assert_equal, crowd};
use crate::harness::{Clerk, Database, Kind, Random, Setup, eventually, pass};
use clerk_emulator::{NewUser, RouteClass};
use std::{process::Stdio, time::Duration};

const USERS: u32 = 100_000;
const KILLS: u32 = 10;

fn lists(clerk: &Clerk) -> u64 {
    clerk.stats().classes.get(&RouteClass::UserLists).map_or(0, |class| class.let_in)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_users_survive_ten_kills_while_users_come_and_go() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    let ids = crowd(&clerk, USERS);
    let setup = Setup::new(&clerk, &database).set("CLERK_SYNC_REQUESTS_PER_10S", "10000");
    setup.output(&["migrate"]).await;
    let mut random = Random(0x6b69_6c6c);
    for kill in 0..KILLS {
        let before = lists(&clerk);
        let mut command = setup.command(&["backfill"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // Each gets some pages further, and is killed in the middle of the next.
        let some = random.below(16) + 2;
        eventually("some pages", async || lists(&clerk) >= before + some).await;
        pass(Duration::from_millis(random.below(40))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let from = random.below(ids.len() as u64 - 20) as usize;
        clerk.bulk_delete(&ids[from..from + 5], false);
        clerk.bulk_change(&ids[from + 10..from + 20], false);
        let late = NewUser::new().email(format!("late{kill}@example.com")).first_name("Late");
        clerk.create_user(late).unwrap();
    }
    let report = setup.json(&["backfill", "--json"]).await.remove(0);
    assert_eq!(report["resumed"], true, "{report}");
    let least = u64::from(USERS).div_ceil(500);
    let most = least + least / 50 + u64::from(KILLS);
    assert!(lists(&clerk) <= most, "{} lists for {least} pages", lists(&clerk));
    // Who was deleted behind the walk's back is found by comparing; nobody else differs but for what changed there.
    setup.run(&["reconcile", "--confirm-deletes", "100"]).await;
    assert_equal(&clerk, &database).await;
}
