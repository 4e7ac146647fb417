//! The state at one moment.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use clerk_emulator::{Delivery, DeliveryState};
use clerk_sync::mapping::Mapping;
use serde_json::Value;

use super::Sample;
use super::compare::{compare, created_at, side};
use super::feed::Write;
use super::follow::{Follow, Trouble};
use super::names;
use super::people::Person;
use super::users_table::Rows;
use super::view::{Pair, Parity, View};
use super::words::{self, count};

/// Users shown; more would only be in the way.
const SHOWN: usize = 200;

/// `GET /api/state`.
pub(super) async fn state(State(sample): State<Arc<Sample>>) -> Json<View> {
    Json(sample.view().await)
}

impl Sample {
    /// Takes in what is new and shows everything.
    pub(super) async fn view(&self) -> View {
        let mut follow = self.follow.lock().await;
        // Rows before users: a row without a user is left over then, and not just new.
        let read = match follow.look(&self.app).await {
            Ok(()) => Rows::read(self.app.store.as_ref()).await,
            Err(error) => Err(error),
        };
        let mut users = self.app.clerk.users();
        users.sort_by_key(|user| Reverse(user["created_at"].as_i64()));
        let total = users.len();
        let everyone: HashSet<String> =
            users.iter().filter_map(|user| user["id"].as_str()).map(str::to_owned).collect();
        users.truncate(SHOWN);
        users.iter().for_each(|user| follow.people.learn(user));
        let read = match read {
            Ok(rows) => rows.complete(self.app.store.as_ref(), &users).await,
            Err(error) => Err(error),
        };
        let (rows, problem) = match read {
            Ok(rows) => (Some(rows), None),
            Err(error) => (None, Some(format!("The rows cannot be read: {error}."))),
        };
        let deliveries = self.app.clerk.deliveries();
        let scene = Scene {
            mapping: self.app.store.mapping(),
            follow: &follow,
            rows: rows.as_ref(),
            deliveries: last_deliveries(&deliveries),
        };
        let pairs = scene.pairs(&users, &everyone);
        let table = self.app.store.mapping().table().to_string();
        let row_count = rows.as_ref().map(|rows| rows.by_user.len());
        let lost = deliveries.iter().filter(|delivery| is_lost(delivery)).count();
        let armed = follow.armed.map(|armed| armed.trouble);
        View {
            run: follow.started_ms,
            summary: summary(total, row_count, &table, &pairs),
            all_in_sync: problem.is_none() && pairs.iter().all(|pair| pair.sync == Parity::InSync),
            problem,
            more: more(total, rows.is_some_and(|rows| rows.cut)),
            table,
            pairs,
            armed,
            armed_words: armed.map(armed_words),
            lost,
            suggestion: names::made_up(follow.made_up),
            log: follow.log.lines(),
        }
    }
}

/// Whether a person may want it sent again.
pub(super) fn is_lost(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Dropped | DeliveryState::Failed)
}

fn last_deliveries(deliveries: &[Delivery]) -> HashMap<&str, &Delivery> {
    let of_users = deliveries.iter().filter(|delivery| delivery.event_type.starts_with("user."));
    of_users.filter_map(|delivery| Some((delivery.user_id.as_deref()?, delivery))).collect()
}

struct Scene<'a> {
    mapping: &'a Mapping,
    follow: &'a Follow,
    /// `None` while the database is away.
    rows: Option<&'a Rows>,
    /// The last webhook about each user.
    deliveries: HashMap<&'a str, &'a Delivery>,
}

impl Scene<'_> {
    /// Newest first; a row without a user stays where its user was.
    fn pairs(&self, users: &[Value], everyone: &HashSet<String>) -> Vec<Pair> {
        let of_clerk = users.iter().filter_map(|user| {
            let id = user["id"].as_str()?;
            Some((user["created_at"].as_i64().unwrap_or_default(), self.pair(id, Some(user))))
        });
        let rows = self.rows.iter().flat_map(|rows| &rows.by_user);
        let of_table = rows.filter(|(id, _)| !everyone.contains(id.as_str())).map(|(id, row)| {
            let known = self.follow.people.created_at(id);
            let at_ms = known.or_else(|| created_at(self.mapping, row)).unwrap_or_default();
            (at_ms, self.pair(id, None))
        });
        let mut pairs: Vec<_> = of_clerk.chain(of_table.take(SHOWN)).collect();
        pairs.sort_by(|(a_ms, a), (b_ms, b)| (b_ms, &b.id).cmp(&(a_ms, &a.id)));
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }

    fn pair(&self, id: &str, user: Option<&Value>) -> Pair {
        let row = self.rows.and_then(|rows| rows.by_user.get(id));
        let (sync, row) = match self.rows {
            Some(_) => compare(self.mapping, user, row.map(|row| &**row)),
            None => (Parity::Unknown, None),
        };
        let writes = self.follow.feed.writes(id).filter(|_| row.is_some());
        let write = writes.map(|writes| &writes.last);
        let delivery = self.deliveries.get(id).filter(|_| !matches!(sync, Parity::InSync | Parity::Unknown));
        let cause = delivery.and_then(|delivery| self.cause(delivery));
        let made = writes.and_then(|writes| writes.made.as_ref());
        Pair {
            own: own_words(sync, made, cause.as_deref(), &self.mapping.table().to_string()),
            id: id.to_owned(),
            clerk: user.map(|user| side(id, &Person::read(user))),
            row,
            sync,
            label: sync.label(),
            flow: write.map(|write| words::short_flow(&write.flow)),
            took: write.map(|write| words::span(write.took_ms)),
            cause,
            waiting: delivery.is_some_and(|delivery| delivery.state == DeliveryState::Pending),
        }
    }

    fn cause(&self, delivery: &Delivery) -> Option<String> {
        let delay = self.follow.delay_of(&delivery.id);
        Some(match (delivery.state, delay) {
            (DeliveryState::Dropped, _) => "webhook dropped".to_owned(),
            (DeliveryState::Failed, _) => "webhook given up".to_owned(),
            (DeliveryState::Pending, _) if delivery.attempts > 0 => {
                format!("webhook failed: {}; it is repeated", words::failure(delivery))
            }
            (DeliveryState::Pending, Some(ms)) => format!("webhook delayed by {}", words::delay(ms)),
            (DeliveryState::Pending, None) => "webhook on its way".to_owned(),
            _ => return None,
        })
    }
}

/// What the user in front of the page is told about their own row.
fn own_words(sync: Parity, made: Option<&Write>, cause: Option<&str>, table: &str) -> String {
    let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    let made = made.map(|made| {
        format!("made by {}, {} after Clerk knew you", words::flow(&made.flow), words::span(made.took_ms))
    });
    let made = made.map(|made| format!(": {made}")).unwrap_or_default();
    match sync {
        Parity::Missing => format!("You have no row in {table} yet{cause}."),
        Parity::Behind => format!("Your row is in {table}, but behind what Clerk has{cause}{made}."),
        Parity::OnlyInTable => {
            format!("Your row is in {table}, but Clerk does not have you any more{cause}.")
        }
        Parity::InSync => format!("Your row is in {table}{made}."),
        Parity::Unknown => "It is not known whether you have a row.".to_owned(),
    }
}

fn summary(users: usize, rows: Option<usize>, table: &str, pairs: &[Pair]) -> String {
    let users = format!("{} in Clerk", count(users, "user", "users"));
    let Some(rows) = rows else { return format!("{users}.") };
    let apart = pairs.iter().filter(|pair| pair.sync != Parity::InSync).count();
    let verdict = match apart {
        0 if pairs.is_empty() => String::new(),
        0 => ": all in sync".to_owned(),
        apart => format!(": {apart} not in sync"),
    };
    format!("{users}, {} in {table}{verdict}.", count(rows, "row", "rows"))
}

fn more(users: usize, rows_cut: bool) -> Option<String> {
    match (users > SHOWN, rows_cut) {
        (true, _) => Some(format!("The newest {SHOWN} of {users} users are shown.")),
        (false, true) => Some("The table is large; only its first rows were looked through.".to_owned()),
        (false, false) => None,
    }
}

fn armed_words(trouble: Trouble) -> String {
    match trouble {
        Trouble::Drop => "The next webhook will be dropped.".to_owned(),
        Trouble::Delay { ms } => format!("The next webhook will be delayed by {}.", words::delay(ms)),
    }
}
