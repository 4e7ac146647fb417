//! The orders a list of users can come in, and one page of it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::config::DeletedCursor;
use crate::http::query::{Page, Query};
use crate::refusal::Refusal;

use super::World;
use super::filter::UserFilter;
use super::stretch::Stretch;
use super::user::User;
use super::users::Position;

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Key {
    CreatedAt,
    UpdatedAt,
    EmailAddress,
    Web3Wallet,
    FirstName,
    LastName,
    PhoneNumber,
    Username,
    LastActiveAt,
    LastSignInAt,
}

/// A sort key with its direction.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) struct Order {
    key: Key,
    descending: bool,
}

/// One page of users, as a request describes it.
#[derive(Clone, Debug)]
pub(crate) struct UserListing {
    pub(crate) filter: UserFilter,
    pub(crate) order: Order,
    pub(crate) page: Page,
    pub(crate) starting_after: Option<String>,
    /// Whether the cursor's user is taken for deleted, there or not.
    pub(crate) cursor_vanished: bool,
}

impl Order {
    fn parse(text: &str) -> Result<Self, Refusal> {
        // Only the first of several counts.
        let first = text.split(',').next().unwrap_or_default();
        let (descending, name) = match first.as_bytes().first() {
            Some(b'-') => (true, &first[1..]),
            Some(b'+') => (false, &first[1..]),
            _ => (false, first),
        };
        let key = match name {
            "created_at" => Key::CreatedAt,
            "updated_at" => Key::UpdatedAt,
            "email_address" => Key::EmailAddress,
            "web3wallet" => Key::Web3Wallet,
            "first_name" => Key::FirstName,
            "last_name" => Key::LastName,
            "phone_number" => Key::PhoneNumber,
            "username" => Key::Username,
            "last_active_at" => Key::LastActiveAt,
            "last_sign_in_at" => Key::LastSignInAt,
            _ => return Err(Refusal::bad_value("order_by", format!("{text:?} is not an order of users."))),
        };
        Ok(Self { key, descending })
    }

    /// Upwards, whatever the direction.
    fn compare(self, a: &User, b: &User) -> Ordering {
        match self.key {
            Key::CreatedAt => a.created_at.cmp(&b.created_at),
            Key::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            Key::EmailAddress => nulls_last(a.primary_email(), b.primary_email()),
            Key::Web3Wallet => nulls_last(a.primary_wallet(), b.primary_wallet()),
            Key::FirstName => nulls_last(a.first_name.as_deref(), b.first_name.as_deref()),
            Key::LastName => nulls_last(a.last_name.as_deref(), b.last_name.as_deref()),
            Key::PhoneNumber => nulls_last(a.primary_phone(), b.primary_phone()),
            Key::Username => nulls_last(a.username.as_deref(), b.username.as_deref()),
            Key::LastActiveAt => nulls_last(a.last_active_at, b.last_active_at),
            Key::LastSignInAt => nulls_last(a.last_sign_in_at, b.last_sign_in_at),
        }
    }
}

fn nulls_last<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

impl UserListing {
    pub(crate) fn parse(query: &Query, inclusive: bool) -> Result<Self, Refusal> {
        let listing = Self {
            filter: UserFilter::parse(query, inclusive)?,
            order: Order::parse(query.first("order_by").unwrap_or("-created_at"))?,
            page: query.page()?,
            starting_after: query.first("starting_after").map(str::to_owned),
            cursor_vanished: false,
        };
        if listing.starting_after.is_some() {
            if listing.order.key != Key::CreatedAt {
                let long = "starting_after can only be used with order_by created_at.";
                return Err(Refusal::bad_value("starting_after", long));
            }
            if listing.page.offset > 0 {
                let long = "starting_after cannot be used together with offset.";
                return Err(Refusal::bad_value("starting_after", long));
            }
        }
        Ok(listing)
    }

    pub(crate) fn select(&self, world: &World, deleted: DeletedCursor) -> Result<Vec<Arc<User>>, Refusal> {
        let cursor = match &self.starting_after {
            None => None,
            Some(id) => match self.cursor(world, id, deleted)? {
                Some(position) => Some(position),
                None => return Ok(Vec::new()),
            },
        };
        if let Some(mut users) = self.filter.few(world) {
            users.retain(|user| self.filter.matches(user, world));
            self.sort(&mut users, world);
            if let Some(cursor) = cursor {
                users.retain(|user| {
                    let position = world.users.position(user.created_at, &user.id);
                    if self.order.descending { position < cursor } else { position > cursor }
                });
            }
            return Ok(self.page.of(users));
        }
        let created = self.order.key == Key::CreatedAt;
        let (index, mut stretch) = match self.order.key {
            Key::CreatedAt => (world.users.created(), self.filter.created()),
            Key::UpdatedAt => (world.users.updated(), Stretch::default()),
            _ => {
                let matching = |user: &&Arc<User>| self.filter.matches(user, world);
                let mut users: Vec<_> = self.filter.candidates(world).filter(matching).cloned().collect();
                self.sort(&mut users, world);
                return Ok(self.page.of(users));
            }
        };
        if let Some(cursor) = cursor {
            stretch = if self.order.descending { stretch.before(cursor) } else { stretch.after(cursor) };
        }
        let positions = stretch.of(index);
        // Users who are skipped need not even be looked at when their place says everything.
        let by_place = !self.filter.looks_at_users() && (created || !self.filter.bounds_created());
        Ok(if self.order.descending {
            self.pick(positions.rev(), by_place, world)
        } else {
            self.pick(positions, by_place, world)
        })
    }

    fn pick<'a>(
        &self,
        positions: impl Iterator<Item = &'a Position>,
        by_place: bool,
        world: &World,
    ) -> Vec<Arc<User>> {
        let user = |position: &Position| world.users.at(position).cloned();
        if by_place {
            return self.page.of(positions).into_iter().filter_map(user).collect();
        }
        self.page.of(positions.filter_map(user).filter(|user| self.filter.matches(user, world)))
    }

    /// As the index would have it: ties by their hash, and everything backwards when descending.
    fn sort(&self, users: &mut [Arc<User>], world: &World) {
        users.sort_by_cached_key(|user| world.users.position(0, &user.id));
        users.sort_by(|a, b| self.order.compare(a, b));
        if self.order.descending {
            users.reverse();
        }
    }

    /// Where the walk goes on; `None` when there is nothing to go on to.
    fn cursor(&self, world: &World, id: &str, deleted: DeletedCursor) -> Result<Option<Position>, Refusal> {
        let place = |user: &Arc<User>| Some(world.users.position(user.created_at, &user.id));
        let there = world.users.get(id);
        if let Some(user) = there
            && !self.cursor_vanished
        {
            return Ok(place(user));
        }
        match (deleted, there.or_else(|| world.users.before(id).flatten())) {
            (DeletedCursor::Empty, Some(_)) => Ok(None),
            (DeletedCursor::Continues, Some(user)) => Ok(place(user)),
            _ => Err(Refusal::bad_value("starting_after", format!("No user was found with id {id}"))),
        }
    }
}
