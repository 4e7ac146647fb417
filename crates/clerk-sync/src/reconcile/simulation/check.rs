//! What must hold.

use super::world::World;
use crate::{
    engine::testing::{mapping, user, username},
    mapping::Row,
    reconcile::testing::{
        clerk::{Call, Look, json},
        life::sleep_ms,
    },
    rule::Change,
    user_id::UserId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// How often it is looked whether the table equals Clerk, ms.
const LOOK_EVERY: i64 = 5_000;

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    /// Of everything that Clerk was asked and the feed tells.
    pub(super) trace: u64,
    /// How long the table took to equal Clerk, and how long it might have taken.
    pub(super) took: Duration,
    pub(super) promised: Duration,
}

pub(in crate::reconcile) fn row(id: &str, look: &Look) -> Row {
    mapping().read_user(json(id, look).as_bytes()).expect("readable").row
}

/// Runs a world to its end.
pub(super) async fn run(mut world: World) -> Result<Report, String> {
    world.live().await;
    world.calm_down().await;
    let quiet_at = world.clerk.now_ms();
    let truth: BTreeMap<UserId, Row> = world
        .clerk
        .everyone()
        .iter()
        .filter_map(|(id, look)| Some((user(id), row(id, &look.as_ref().copied()?))))
        .collect();
    let promised = world.plan.promised();
    let mut from = quiet_at;
    let mut asked = false;
    let mut changes = -1;
    let mut looks = 0;
    loop {
        // Nearly everything that changes the table stands in the feed; the rest is looked for now and then.
        let feed = world.shared.database.store().changes(0, 0).await.expect("the database itself works");
        let is_worth_a_look = feed.last_number != changes || looks % 6 == 0;
        (changes, looks) = (feed.last_number, looks + 1);
        // A row that is gone by hand hides a deletion that the ledger has not heard of.
        let living = world.shared.database.store().living_count().await.expect("the database itself works");
        if is_worth_a_look && living == truth.len() as i64 && table(&world).await == truth {
            break;
        }
        let waited = world.clerk.now_ms() - from;
        if Duration::from_millis(waited.unsigned_abs()) > promised {
            // From a person's confirmation on, the same time is promised again.
            asked = !asked && world.confirm().await;
            if !asked {
                let table = table(&world).await;
                return Err(format!("after {promised:?} {}", difference(&table, &truth)));
            }
            from = world.clerk.now_ms();
        }
        sleep_ms(LOOK_EVERY).await;
    }
    let took = Duration::from_millis((world.clerk.now_ms() - from).unsigned_abs());
    // It stays so.
    sleep_ms(2 * 62_000).await;
    let table = table(&world).await;
    if table != truth {
        return Err(format!("it was equal once, and then {}", difference(&table, &truth)));
    }
    if let Some(complaint) = world.shared.complaints().first() {
        return Err(complaint.clone());
    }
    let feed = check_feed(&world, &table).await?;
    let calls = world.clerk.take_calls();
    if world.plan.shares {
        check_limit(&calls, world.plan.limit)?;
    }
    let mut trace = DefaultHasher::new();
    format!("{feed:?} {calls:?}").hash(&mut trace);
    Ok(Report { trace: trace.finish(), took, promised })
}

async fn table(world: &World) -> BTreeMap<UserId, Row> {
    let rows = world.shared.database.store().rows(None, 10_000).await.expect("the database itself works");
    let id = |row: &Row| match &row[0] {
        crate::mapping::Value::Text(id) => user(id),
        other => panic!("an id, not {other:?}"),
    };
    rows.into_iter().map(|row| (id(&row), row)).collect()
}

fn difference(table: &BTreeMap<UserId, Row>, truth: &BTreeMap<UserId, Row>) -> String {
    let users: BTreeSet<&UserId> = table.keys().chain(truth.keys()).collect();
    let differing = users.into_iter().filter(|user| table.get(*user) != truth.get(*user));
    let told: Vec<String> = differing
        .map(|user| {
            format!(
                "{user}: here {:?}, there {:?}",
                table.get(user).map(username),
                truth.get(user).map(username)
            )
        })
        .collect();
    format!("the table is not as Clerk: {}", told.join("; "))
}

/// In no ten seconds Clerk saw more calls than it allows, of all processes together.
fn check_limit(calls: &[(i64, Call)], limit: u32) -> Result<(), String> {
    let first_too_many =
        calls.windows(limit as usize + 1).find(|calls| calls[limit as usize].0 - calls[0].0 < 10_000);
    match first_too_many {
        Some(calls) => Err(format!("more than {limit} calls in the ten seconds from {} on", calls[0].0)),
        None => Ok(()),
    }
}

/// The feed has no gaps, tells the table, and never takes a deletion back or deletes whom Clerk has.
async fn check_feed(
    world: &World,
    table: &BTreeMap<UserId, Row>,
) -> Result<Vec<(UserId, Change, String)>, String> {
    let feed =
        world.shared.database.store().changes(0, 100_000).await.expect("the database itself works").entries;
    let mut there: BTreeSet<&UserId> = BTreeSet::new();
    let mut deleted: BTreeSet<&UserId> = BTreeSet::new();
    for (position, entry) in feed.iter().enumerate() {
        if entry.number != position as i64 + 1 {
            return Err(format!("the feed has a gap before {}", entry.number));
        }
        if deleted.contains(&entry.user) {
            return Err(format!("{} was deleted, and then {}", entry.user, entry.change));
        }
        let fits = match entry.change {
            Change::Created => there.insert(&entry.user),
            Change::Updated => there.contains(&entry.user),
            Change::Deleted => there.remove(&entry.user) && deleted.insert(&entry.user),
        };
        if !fits {
            return Err(format!("the feed says {} of {} out of turn", entry.change, entry.user));
        }
        if entry.change == Change::Deleted && world.clerk.look(entry.user.as_str()).is_some() {
            return Err(format!("{} was deleted, and Clerk has it", entry.user));
        }
    }
    if !there.iter().copied().eq(table.keys()) {
        return Err("the feed does not tell who is in the table".to_owned());
    }
    Ok(feed.iter().map(|entry| (entry.user.clone(), entry.change, entry.flow.clone())).collect())
}
