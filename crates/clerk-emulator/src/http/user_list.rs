//! `GET /v1/users` and `/v1/users/count`, which a large instance answers thousands of times.

use std::io::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::filter::UserFilter;
use crate::state::order::UserListing;
use crate::state::user::User;
use crate::state::user_body::UserBody;

use super::query::Query;

/// Marks an answer whose body is to be sent as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsItIs;

/// What a page of 500 users takes is known from the start, to within a few copies.
const BYTES_OF_A_USER: usize = 2_816;

pub(crate) async fn list(
    State(core): State<Arc<Core>>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let settings = core.list_settings();
    let listing = UserListing::parse(&query, settings.inclusive_time_filters)?;
    let users = core.list_users(listing, settings.deleted_cursor)?;
    // The world is free again: what follows takes most of the time.
    let page = PageBody { users: &users, instance_id: &core.config.instance_id, now_ms: core.now_ms() };
    let body = page.json()?;
    let compressed = settings.compress && accepts_gzip(&headers);
    let mut response = if compressed { gzip(&body)?.into_response() } else { body.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.extensions_mut().insert(AsItIs);
    Ok(response)
}

pub(crate) async fn count(State(core): State<Arc<Core>>, query: Query) -> Result<Json<Value>, Refusal> {
    let filter = UserFilter::parse(&query, core.list_settings().inclusive_time_filters)?;
    let count = core.count_users(&filter);
    Ok(Json(json!({ "object": "total_count", "total_count": count })))
}

struct PageBody<'a> {
    users: &'a [Arc<User>],
    instance_id: &'a str,
    now_ms: i64,
}

impl PageBody<'_> {
    fn json(&self) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::with_capacity(self.users.len() * BYTES_OF_A_USER + 2);
        serde_json::to_writer(&mut body, self).map_err(|error| Refusal::internal(error.to_string()))?;
        Ok(body)
    }
}

impl Serialize for PageBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.users.len()))?;
        for user in self.users {
            let body = UserBody { user, instance_id: self.instance_id, now_ms: self.now_ms };
            list.serialize_element(&body)?;
        }
        list.end()
    }
}

/// Users resemble each other so much that the fastest level already writes a tenth.
fn gzip(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_err(|error| Refusal::internal(error.to_string()))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim() == "gzip" && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::config::{DeletedCursor, EmulatorConfig};
    use crate::state::World;
    use crate::state::bulk::Maker;

    /// Of the processor, so that a busy machine measures the same.
    fn processor_ms() -> f64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
    }

    /// `cargo test --release -p clerk-emulator --lib -- --ignored --nocapture pages_cost` says what each step of one
    /// page of 500 users takes.
    #[test]
    #[ignore = "measures"]
    fn pages_cost() {
        const USERS: u64 = 200_000;
        const ROUNDS: u64 = 390;
        let mut world = World::new(&EmulatorConfig::dev(1));
        let maker = Maker::new();
        for number in 0..USERS {
            let address = format!("user{number}@example.com");
            let user = maker.user(number, address, 1_767_225_600_000 + number as i64, &mut world.ids);
            world.users.put(user).unwrap();
        }
        let measure = |name: &str, work: &mut dyn FnMut(u64) -> usize| {
            let began = processor_ms();
            let bytes: usize = (0..ROUNDS).map(work).sum();
            let ms = (processor_ms() - began) / ROUNDS as f64;
            println!("{name}: {ms:.3} ms, {} (bytes or users)", bytes as u64 / ROUNDS);
        };
        let mut after = String::new();
        measure("cursor and window", &mut |_| {
            let text = format!("limit=500&order_by=created_at{after}&created_at_after=1767225600000");
            let listing = UserListing::parse(&Query::parse(&text), false).unwrap();
            let users = listing.select(&world, DeletedCursor::Refused).unwrap();
            after = users.last().map(|user| format!("&starting_after={}", user.id)).unwrap_or_default();
            users.len()
        });
        let mut page = 0;
        measure("json of users not seen before", &mut |_| {
            page += 1;
            let text = format!(
                "limit=500&order_by=created_at&created_at_after={}",
                1_767_225_600_000_u64 + page * 500
            );
            let listing = UserListing::parse(&Query::parse(&text), false).unwrap();
            let users = listing.select(&world, DeletedCursor::Refused).unwrap();
            PageBody { users: &users, instance_id: "ins_2abcdefghijklmnopqrstuvwxyz0", now_ms: 0 }
                .json()
                .unwrap()
                .len()
        });
        measure("offset 10,000 by -updated_at", &mut |_| {
            let text = "limit=500&order_by=-updated_at&offset=10000";
            let listing = UserListing::parse(&Query::parse(text), false).unwrap();
            listing.select(&world, DeletedCursor::Refused).unwrap().len()
        });
        let listing = UserListing::parse(&Query::parse("limit=500"), false).unwrap();
        let users = listing.select(&world, DeletedCursor::Refused).unwrap();
        let page = PageBody { users: &users, instance_id: "ins_2abcdefghijklmnopqrstuvwxyz0", now_ms: 0 };
        measure("json", &mut |_| page.json().unwrap().len());
        let body = page.json().unwrap();
        measure("gzip", &mut |_| gzip(&body).unwrap().len());
    }

    #[test]
    fn gzip_is_only_for_those_who_take_it() {
        let accepts = |text: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(accepts("gzip"));
        assert!(accepts("br, gzip;q=0.5, deflate"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
