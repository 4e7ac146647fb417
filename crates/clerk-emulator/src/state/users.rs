//! All users, findable by id, by identifier, and in the order of `created_at` or `updated_at`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::refusal::Refusal;

use super::user::User;
use super::user_body::Kind;

/// Changed or deleted users whose version before is remembered.
const REMEMBERED: usize = 10_000;

/// A place in an ordered index. Clerk does not say how it orders users of the same millisecond, so the tie is
/// broken by a hash that means nothing: whoever relies on an order there finds out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    at_ms: i64,
    tie: u64,
    id: Arc<str>,
}

impl Position {
    /// A place that no user has: before everyone of this millisecond, after everyone of the one before.
    pub(crate) fn before_all_at(at_ms: i64) -> Self {
        Self { at_ms, tie: 0, id: Arc::from("") }
    }
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Unique {
    Address(Kind),
    Username,
    ExternalId,
}

impl Unique {
    fn param(self) -> (&'static str, &'static str) {
        match self {
            Self::Address(kind) => kind.names(),
            Self::Username => ("username", "username"),
            Self::ExternalId => ("external_id", "external id"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Users {
    seed: u64,
    by_id: HashMap<Arc<str>, Arc<User>>,
    by_created: BTreeSet<Position>,
    by_updated: BTreeSet<Position>,
    identifiers: HashMap<(Unique, String), Arc<str>>,
    before: HashMap<Arc<str>, Option<Arc<User>>>,
    before_order: VecDeque<Arc<str>>,
}

impl Users {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            by_id: HashMap::new(),
            by_created: BTreeSet::new(),
            by_updated: BTreeSet::new(),
            identifiers: HashMap::new(),
            before: HashMap::new(),
            before_order: VecDeque::new(),
        }
    }

    /// Makes room for so many more at once, which takes less memory than growing to it.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.by_id.reserve(more);
        self.identifiers.reserve(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<User>> {
        self.by_id.get(id)
    }

    pub(crate) fn find(&self, id: &str) -> Result<&Arc<User>, Refusal> {
        self.get(id).ok_or_else(|| Refusal::user_not_found(id))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<User>> {
        self.by_id.values()
    }

    /// The version before the last change: `Some(None)` if there was none, `None` if it is not remembered.
    pub(crate) fn before(&self, id: &str) -> Option<Option<&Arc<User>>> {
        self.before.get(id).map(Option::as_ref)
    }

    /// The user who holds an identifier that only one user can have.
    pub(crate) fn holder_of_email(&self, address: &str) -> Option<&Arc<User>> {
        self.get(self.identifiers.get(&(Unique::Address(Kind::Email), address.to_lowercase()))?)
    }

    pub(crate) fn holder_of_username(&self, name: &str) -> Option<&Arc<User>> {
        self.get(self.identifiers.get(&(Unique::Username, name.to_lowercase()))?)
    }

    pub(crate) fn holder_of_external_id(&self, external_id: &str) -> Option<&Arc<User>> {
        self.get(self.identifiers.get(&(Unique::ExternalId, external_id.to_owned()))?)
    }

    /// Puts a new user or a new version of one, unless another user holds one of its identifiers.
    pub(crate) fn put(&mut self, user: User) -> Result<Arc<User>, Refusal> {
        let identifiers = identifiers_of(&user);
        for key in &identifiers {
            if self.identifiers.get(key).is_some_and(|holder| *holder != user.id) {
                let (param, what) = key.0.param();
                return Err(Refusal::identifier_exists(param, what));
            }
        }
        let old = self.take(&user.id);
        for key in identifiers {
            self.identifiers.insert(key, Arc::clone(&user.id));
        }
        let user = Arc::new(user);
        self.by_created.insert(self.position(user.created_at, &user.id));
        self.by_updated.insert(self.position(user.updated_at, &user.id));
        self.by_id.insert(Arc::clone(&user.id), Arc::clone(&user));
        // A new user has no version before, but a lagging reader must not see it at all, so that is noted too.
        self.remember(&user.id, old);
        Ok(user)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Result<Arc<User>, Refusal> {
        let user = self.take(id).ok_or_else(|| Refusal::user_not_found(id))?;
        self.remember(&user.id, Some(Arc::clone(&user)));
        Ok(user)
    }

    fn take(&mut self, id: &str) -> Option<Arc<User>> {
        let user = self.by_id.remove(id)?;
        self.by_created.remove(&self.position(user.created_at, &user.id));
        self.by_updated.remove(&self.position(user.updated_at, &user.id));
        for key in identifiers_of(&user) {
            self.identifiers.remove(&key);
        }
        Some(user)
    }

    fn remember(&mut self, id: &Arc<str>, version: Option<Arc<User>>) {
        if self.before.insert(Arc::clone(id), version).is_none() {
            self.before_order.push_back(Arc::clone(id));
        }
        if self.before_order.len() > REMEMBERED
            && let Some(oldest) = self.before_order.pop_front()
        {
            self.before.remove(&oldest);
        }
    }

    pub(crate) fn position(&self, at_ms: i64, id: &Arc<str>) -> Position {
        let mut hasher = DefaultHasher::new();
        (self.seed, id).hash(&mut hasher);
        Position { at_ms, tie: hasher.finish(), id: Arc::clone(id) }
    }

    pub(crate) fn created(&self) -> &BTreeSet<Position> {
        &self.by_created
    }

    pub(crate) fn updated(&self) -> &BTreeSet<Position> {
        &self.by_updated
    }

    pub(crate) fn at(&self, position: &Position) -> Option<&Arc<User>> {
        self.by_id.get(&position.id)
    }
}

fn identifiers_of(user: &User) -> Vec<(Unique, String)> {
    let mut all = Vec::new();
    // E-mail addresses and user names are compared without case.
    all.extend(
        user.email_addresses.iter().map(|email| (Unique::Address(Kind::Email), email.value.to_lowercase())),
    );
    all.extend(user.phone_numbers.iter().map(|phone| (Unique::Address(Kind::Phone), phone.value.clone())));
    all.extend(user.web3_wallets.iter().map(|wallet| (Unique::Address(Kind::Wallet), wallet.value.clone())));
    all.extend(user.username.iter().map(|name| (Unique::Username, name.to_lowercase())));
    all.extend(user.external_id.iter().map(|id| (Unique::ExternalId, id.clone())));
    all
}
