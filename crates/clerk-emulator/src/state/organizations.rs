//! All organizations and memberships.

use std::collections::{BTreeMap, BTreeSet};

use crate::refusal::Refusal;

use super::organization::{Membership, Organization};

#[derive(Debug, Default)]
pub(crate) struct Organizations {
    by_id: BTreeMap<String, Organization>,
    /// By organization, then user.
    memberships: BTreeMap<(String, String), Membership>,
    /// By user, then organization.
    of_user: BTreeSet<(String, String)>,
}

impl Organizations {
    /// By id or by slug, as Clerk takes both.
    pub(crate) fn find(&self, which: &str) -> Result<&Organization, Refusal> {
        self.by_id
            .get(which)
            .or_else(|| self.by_id.values().find(|organization| organization.slug == which))
            .ok_or_else(|| Refusal::not_found(format!("No organization was found with id {which}")))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Organization> {
        self.by_id.values()
    }

    pub(crate) fn put(&mut self, organization: Organization) -> Result<(), Refusal> {
        let taken = |other: &&Organization| other.slug == organization.slug && other.id != organization.id;
        if self.by_id.values().find(taken).is_some() {
            return Err(Refusal::identifier_exists("slug", "slug"));
        }
        self.by_id.insert(organization.id.clone(), organization);
        Ok(())
    }

    /// The organization and the memberships that go with it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<(Organization, Vec<Membership>)> {
        let organization = self.by_id.remove(id)?;
        let users: Vec<_> = self.members(id).map(|membership| membership.user_id.clone()).collect();
        let memberships = users.iter().filter_map(|user_id| self.leave(id, user_id)).collect();
        Some((organization, memberships))
    }

    pub(crate) fn membership(&self, organization_id: &str, user_id: &str) -> Option<&Membership> {
        self.memberships.get(&(organization_id.to_owned(), user_id.to_owned()))
    }

    pub(crate) fn find_membership(
        &self,
        organization_id: &str,
        user_id: &str,
    ) -> Result<&Membership, Refusal> {
        self.membership(organization_id, user_id).ok_or_else(|| {
            Refusal::not_found(format!("User {user_id} is not a member of organization {organization_id}"))
        })
    }

    pub(crate) fn join(&mut self, membership: Membership) {
        let Membership { organization_id, user_id, .. } = &membership;
        self.of_user.insert((user_id.clone(), organization_id.clone()));
        self.memberships.insert((organization_id.clone(), user_id.clone()), membership);
    }

    pub(crate) fn leave(&mut self, organization_id: &str, user_id: &str) -> Option<Membership> {
        self.of_user.remove(&(user_id.to_owned(), organization_id.to_owned()));
        self.memberships.remove(&(organization_id.to_owned(), user_id.to_owned()))
    }

    pub(crate) fn members(&self, organization_id: &str) -> impl Iterator<Item = &Membership> {
        let from = (organization_id.to_owned(), String::new());
        self.memberships
            .range(from..)
            .take_while(move |((id, _), _)| id == organization_id)
            .map(|(_, membership)| membership)
    }

    pub(crate) fn memberships_of(&self, user_id: &str) -> impl Iterator<Item = &Membership> {
        self.of_user
            .range((user_id.to_owned(), String::new())..)
            .take_while(move |(id, _)| id == user_id)
            .filter_map(|(user_id, organization_id)| self.membership(organization_id, user_id))
    }

    pub(crate) fn all_memberships(&self) -> impl Iterator<Item = &Membership> {
        self.memberships.values()
    }
}
