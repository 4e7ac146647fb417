//! What is done to many users at once, with or without events.

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::World;
use crate::state::bulk::{BulkUsers, Maker};
use crate::state::user::User;
use crate::state::user_draft::UserChange;
use crate::webhook::HttpRequest;

/// Users made while nobody else can read: few enough that a reader does not notice.
const AT_ONCE: u32 = 500;

impl Core {
    /// Makes many users without any event, and answers how many.
    pub(crate) fn bulk_create(&self, bulk: &BulkUsers) -> Result<u32, Refusal> {
        if bulk.count > BulkUsers::MOST {
            let long = format!("count must not be above {}.", BulkUsers::MOST);
            return Err(Refusal::bad_value("count", long));
        }
        let maker = Maker::new();
        let from = bulk.created_at_from.unwrap_or_else(|| self.now_ms());
        self.write().users.reserve(bulk.count as usize);
        let mut made = 0;
        while made < bulk.count {
            let mut world = self.write();
            for _ in 0..AT_ONCE.min(bulk.count - made) {
                let World { ids, users, bulk_made, .. } = &mut *world;
                let created_at = from.saturating_add(bulk.created_at_step_ms.saturating_mul(made.into()));
                let address = format!("{}{bulk_made}@example.com", bulk.prefix);
                users.put(maker.user(*bulk_made, address, created_at, ids))?;
                *bulk_made += 1;
                made += 1;
            }
        }
        Ok(made)
    }

    /// Deletes those of the users that are there, and answers how many were.
    pub(crate) fn bulk_delete(&self, ids: &[String], webhooks: bool) -> usize {
        let delete = |id: &&String| match webhooks {
            true => self.delete_user(id, &HttpRequest::default()).is_ok(),
            false => self.write().delete_silently(id),
        };
        ids.iter().filter(delete).count()
    }

    /// Gives those of the users that are there another first name, and answers how many were.
    pub(crate) fn bulk_change(&self, ids: &[String], webhooks: bool) -> usize {
        let change = |id: &&String| {
            if webhooks {
                let Some(user) = self.user(id) else { return false };
                let change = UserChange::new().first_name(next_name(user.first_name.as_deref()));
                return self.update_user(id, change, &HttpRequest::default()).is_ok();
            }
            let mut world = self.write();
            let Some(user) = world.users.get(id) else { return false };
            let mut user = User::clone(user);
            user.updated_at = self.now_ms().max(user.updated_at + 1);
            user.first_name = Some(next_name(user.first_name.as_deref()));
            world.users.put(user).is_ok()
        };
        ids.iter().filter(change).count()
    }
}

impl World {
    /// Deletes a user with everything that hangs on it; false if there is none.
    fn delete_silently(&mut self, id: &str) -> bool {
        if self.users.remove(id).is_err() {
            return false;
        }
        let memberships: Vec<_> = self.organizations.memberships_of(id).cloned().collect();
        for membership in memberships {
            self.organizations.leave(&membership.organization_id, id);
        }
        self.sessions.forget_user(id);
        true
    }
}

/// `Ada`, `Ada 2`, `Ada 3`: never the name before.
fn next_name(name: Option<&str>) -> String {
    let name = name.unwrap_or("Changed");
    match name.rsplit_once(' ').and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?))) {
        Some((name, number)) => format!("{name} {}", number.saturating_add(1)),
        None => format!("{name} 2"),
    }
}
