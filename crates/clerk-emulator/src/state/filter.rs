//! Which users a list or a count is about.

use std::sync::Arc;

use serde_json::Value;

use crate::http::query::Query;
use crate::refusal::Refusal;

use super::World;
use super::stretch::Stretch;
use super::user::{Identifier, User, day_of};
use super::users::Position;

/// Everything `GET /v1/users` and `/v1/users/count` can filter by.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserFilter {
    email_addresses: Vec<String>,
    phone_numbers: Vec<String>,
    usernames: Vec<String>,
    web3_wallets: Vec<String>,
    external_ids: Signed,
    user_ids: Signed,
    organization_ids: Signed,
    query: Option<String>,
    email_address_query: Option<String>,
    phone_number_query: Option<String>,
    username_query: Option<String>,
    name_query: Option<String>,
    banned: Option<bool>,
    created: Span,
    last_active: Span,
    last_sign_in: Span,
    provider: Option<String>,
    provider_user_ids: Vec<String>,
}

/// Values to include and values to exclude.
#[derive(Clone, Debug, Default)]
struct Signed {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Signed {
    fn parse(values: Vec<String>) -> Self {
        let mut signed = Self::default();
        for value in values {
            match value.as_bytes().first() {
                Some(b'-') => signed.exclude.push(value[1..].to_owned()),
                Some(b'+') => signed.include.push(value[1..].to_owned()),
                _ => signed.include.push(value),
            }
        }
        signed
    }

    fn admits(&self, value: Option<&str>) -> bool {
        let in_list = |list: &[String]| value.is_some_and(|value| list.iter().any(|wanted| wanted == value));
        (self.include.is_empty() || in_list(&self.include)) && !in_list(&self.exclude)
    }
}

/// A stretch of time, open or closed at both ends alike.
#[derive(Clone, Debug, Default)]
struct Span {
    after: Option<i64>,
    before: Option<i64>,
    inclusive: bool,
}

impl Span {
    fn admits(&self, at_ms: Option<i64>) -> bool {
        let after = |bound: i64| at_ms.is_some_and(|at| at > bound || (self.inclusive && at == bound));
        let before = |bound: i64| at_ms.is_some_and(|at| at < bound || (self.inclusive && at == bound));
        self.after.is_none_or(after) && self.before.is_none_or(before)
    }

    fn is_open(&self) -> bool {
        self.after.is_none() && self.before.is_none()
    }

    /// The same users, as a part of the index by that time.
    fn stretch(&self) -> Stretch {
        let mut stretch = Stretch::default();
        if let Some(after) = self.after {
            let first = if self.inclusive { after } else { after.saturating_add(1) };
            stretch = stretch.after(Position::before_all_at(first));
        }
        if let Some(before) = self.before {
            let end = if self.inclusive { before.saturating_add(1) } else { before };
            stretch = stretch.before(Position::before_all_at(end));
        }
        stretch
    }
}

impl UserFilter {
    pub(crate) fn parse(query: &Query, inclusive: bool) -> Result<Self, Refusal> {
        let lower = |name: &str| query.first(name).map(str::to_lowercase);
        let span = |name: &str| -> Result<Span, Refusal> {
            let after = query.number(&format!("{name}_after"))?;
            Ok(Span { after, before: query.number(&format!("{name}_before"))?, inclusive })
        };
        let mut last_active = span("last_active_at")?;
        last_active.after = last_active.after.or(query.number("last_active_at_since")?);
        // Activity is only known to the day, so the bounds are too, and the day itself counts.
        last_active.after = last_active.after.map(day_of);
        last_active.before = last_active.before.map(day_of);
        last_active.inclusive = true;
        let filter = Self {
            email_addresses: query
                .all("email_address")?
                .iter()
                .map(|address| address.to_lowercase())
                .collect(),
            phone_numbers: query.all("phone_number")?,
            usernames: query.all("username")?.iter().map(|name| name.to_lowercase()).collect(),
            web3_wallets: query.all("web3_wallet")?,
            external_ids: Signed::parse(query.all("external_id")?),
            user_ids: Signed::parse(query.all("user_id")?),
            organization_ids: Signed::parse(query.all("organization_id")?),
            query: lower("query"),
            email_address_query: lower("email_address_query"),
            phone_number_query: lower("phone_number_query"),
            username_query: lower("username_query"),
            name_query: lower("name_query"),
            banned: query.flag("banned")?,
            created: span("created_at")?,
            last_active,
            last_sign_in: span("last_sign_in_at")?,
            provider: query.first("provider").map(str::to_owned),
            provider_user_ids: query.all("provider_user_id")?,
        };
        match (&filter.provider, filter.provider_user_ids.is_empty()) {
            (Some(_), true) => Err(Refusal::missing_param("provider_user_id")),
            (None, false) => Err(Refusal::missing_param("provider")),
            _ => Ok(filter),
        }
    }

    /// The users who can match at all, where a unique identifier names them.
    pub(crate) fn few(&self, world: &World) -> Option<Vec<Arc<User>>> {
        let mut users: Vec<_> = if !self.user_ids.include.is_empty() {
            self.user_ids.include.iter().filter_map(|id| world.users.get(id)).cloned().collect()
        } else if !self.external_ids.include.is_empty() {
            let ids = self.external_ids.include.iter();
            ids.filter_map(|id| world.users.holder_of_external_id(id)).cloned().collect()
        } else if !self.email_addresses.is_empty() {
            let addresses = self.email_addresses.iter();
            addresses.filter_map(|address| world.users.holder_of_email(address)).cloned().collect()
        } else {
            return None;
        };
        users.sort_by(|a, b| a.id.cmp(&b.id));
        users.dedup_by(|a, b| a.id == b.id);
        Some(users)
    }

    pub(crate) fn count(&self, world: &World) -> usize {
        if let Some(users) = self.few(world) {
            return users.iter().filter(|user| self.matches(user, world)).count();
        }
        if !self.looks_at_users() {
            return match self.created.is_open() {
                true => world.users.len(),
                false => self.created().of(world.users.created()).count(),
            };
        }
        self.candidates(world).filter(|user| self.matches(user, world)).count()
    }

    /// Everyone whose `created_at` is right, oldest first.
    pub(crate) fn candidates<'a>(&self, world: &'a World) -> impl Iterator<Item = &'a Arc<User>> + use<'a> {
        self.created().of(world.users.created()).filter_map(|position| world.users.at(position))
    }

    /// The part of the index by `created_at` that can match.
    pub(crate) fn created(&self) -> Stretch {
        self.created.stretch()
    }

    pub(crate) fn bounds_created(&self) -> bool {
        !self.created.is_open()
    }

    /// Whether a match depends on anything besides `created_at`.
    pub(crate) fn looks_at_users(&self) -> bool {
        let lists = [&self.email_addresses, &self.phone_numbers, &self.usernames, &self.web3_wallets];
        let signed = [&self.external_ids, &self.user_ids, &self.organization_ids];
        let texts = [
            &self.query,
            &self.email_address_query,
            &self.phone_number_query,
            &self.username_query,
            &self.name_query,
            &self.provider,
        ];
        self.banned.is_some()
            || lists.iter().any(|list| !list.is_empty())
            || signed.iter().any(|list| !list.include.is_empty() || !list.exclude.is_empty())
            || texts.iter().any(|text| text.is_some())
            || !self.last_active.is_open()
            || !self.last_sign_in.is_open()
    }

    pub(crate) fn matches(&self, user: &User, world: &World) -> bool {
        self.user_ids.admits(Some(&user.id))
            && self.external_ids.admits(user.external_id.as_deref())
            && self.banned.is_none_or(|banned| banned == user.banned)
            && self.created.admits(Some(user.created_at))
            && self.last_active.admits(user.last_active_at)
            && self.last_sign_in.admits(user.last_sign_in_at)
            && holds(
                &self.email_addresses,
                user.email_addresses.iter().map(|email| email.value.to_lowercase()),
            )
            && holds(&self.phone_numbers, values(&user.phone_numbers))
            && holds(&self.web3_wallets, values(&user.web3_wallets))
            && holds(&self.usernames, user.username.iter().map(|name| name.to_lowercase()))
            && self.matches_texts(user)
            && self.matches_provider(user)
            && self.matches_organizations(user, world)
    }

    fn matches_texts(&self, user: &User) -> bool {
        let part = |wanted: &Option<String>, texts: &[Option<&str>]| {
            let Some(wanted) = wanted else { return true };
            texts.iter().flatten().any(|text| text.to_lowercase().contains(wanted))
        };
        let any = |wanted: &Option<String>, list: &[Identifier]| {
            let Some(wanted) = wanted else { return true };
            list.iter().any(|identifier| identifier.value.to_lowercase().contains(wanted))
        };
        let names = [user.first_name.as_deref(), user.last_name.as_deref()];
        let full_name = names.iter().flatten().copied().collect::<Vec<_>>().join(" ");
        let anything = || {
            let texts = [Some(&*user.id), user.username.as_deref(), Some(full_name.as_str())];
            part(&self.query, &texts)
                || any(&self.query, &user.email_addresses)
                || any(&self.query, &user.phone_numbers)
                || any(&self.query, &user.web3_wallets)
        };
        any(&self.email_address_query, &user.email_addresses)
            && any(&self.phone_number_query, &user.phone_numbers)
            && part(&self.username_query, &[user.username.as_deref()])
            && part(&self.name_query, &[Some(full_name.as_str())])
            && (self.query.is_none() || anything())
    }

    fn matches_provider(&self, user: &User) -> bool {
        let Some(provider) = &self.provider else { return true };
        // Both `google` and `oauth_google` name the same provider.
        let bare = |name: &str| name.trim_start_matches("oauth_").to_owned();
        let text = |account: &Value, key: &str| account[key].as_str().map(str::to_owned);
        user.external_accounts.iter().any(|account| {
            text(account, "provider").is_some_and(|name| bare(&name) == bare(provider))
                && text(account, "provider_user_id").is_some_and(|id| self.provider_user_ids.contains(&id))
        })
    }

    fn matches_organizations(&self, user: &User, world: &World) -> bool {
        let member = |id: &String| world.organizations.membership(id, &user.id).is_some();
        let Signed { include, exclude } = &self.organization_ids;
        (include.is_empty() || include.iter().any(member)) && !exclude.iter().any(member)
    }
}

fn values(list: &[Identifier]) -> impl Iterator<Item = String> {
    list.iter().map(|identifier| identifier.value.clone())
}

fn holds(wanted: &[String], mut has: impl Iterator<Item = String>) -> bool {
    wanted.is_empty() || has.any(|value| wanted.contains(&value))
}
