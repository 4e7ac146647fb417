//! What can be done to users.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::Core;
use crate::faults::{FaultKind, Occasion};
use crate::refusal::Refusal;
use crate::state::edit::{Edit, Editing};
use crate::state::session::SessionState;
use crate::state::user::User;
use crate::state::user_draft::{NewUser, UserChange};
use crate::state::{Event, World};
use crate::webhook::HttpRequest;

impl Core {
    pub(crate) fn create_user(&self, draft: NewUser, request: &HttpRequest) -> Result<Arc<User>, Refusal> {
        let mut world = self.write();
        let user = make_user(&mut world, draft, self.now_ms())?;
        self.publish_user("user.created", &user, request);
        Ok(user)
    }

    /// Makes many users at once, without any event.
    pub(crate) fn import_users(&self, drafts: impl IntoIterator<Item = NewUser>) -> Result<usize, Refusal> {
        let mut count = 0;
        for draft in drafts {
            make_user(&mut self.write(), draft, self.now_ms())?;
            count += 1;
        }
        Ok(count)
    }

    pub(crate) fn update_user(
        &self,
        id: &str,
        change: UserChange,
        request: &HttpRequest,
    ) -> Result<Arc<User>, Refusal> {
        let mut world = self.write();
        let now_ms = self.now_ms();
        let mut user = User::clone(world.users.find(id)?);
        let silent = !change.edits.is_empty() && change.edits.iter().all(Edit::is_silent);
        let bans = !user.banned && change.edits.iter().any(|edit| matches!(edit, Edit::Banned(true)));
        if !silent {
            user.updated_at = now_ms.max(user.updated_at + 1);
        }
        let mut editing = Editing { ids: &mut world.ids, now_ms };
        for edit in change.edits {
            edit.apply(&mut user, &mut editing)?;
        }
        let user = world.users.put(user)?;
        if !silent {
            self.publish_user("user.updated", &user, request);
        }
        if bans {
            self.close_sessions_of(&mut world, id, SessionState::Revoked, request);
        }
        Ok(user)
    }

    pub(crate) fn delete_user(&self, id: &str, request: &HttpRequest) -> Result<Value, Refusal> {
        let mut world = self.write();
        let user = Arc::clone(world.users.find(id)?);
        self.leave_all(&mut world, &user, request);
        self.close_sessions_of(&mut world, id, SessionState::Removed, request);
        world.sessions.forget_user(id);
        world.users.remove(id)?;
        let mut body = json!({ "object": "user", "id": id, "deleted": true });
        if let Some(external_id) = &user.external_id {
            body["external_id"] = json!(external_id);
        }
        self.publish(&Event::new("user.deleted", Some(Arc::clone(&user.id)), body.clone()), request);
        Ok(body)
    }

    pub(crate) fn user(&self, id: &str) -> Option<Arc<User>> {
        self.read().users.get(id).cloned()
    }

    /// The user as a read of it answers, which may be what it was before its last change.
    pub(crate) fn user_as_read(&self, id: &str) -> Result<Arc<User>, Refusal> {
        let occasion = Occasion { user_id: Some(id), ..Occasion::default() };
        let stale = |kind: &FaultKind| matches!(kind, FaultKind::StaleReads { .. });
        let lags = self.faults.strike(self.now_ms(), occasion, stale).is_some();
        let world = self.read();
        let seen = match world.users.before(id) {
            Some(before) if lags => before,
            _ => world.users.get(id),
        };
        seen.cloned().ok_or_else(|| Refusal::user_not_found(id))
    }

    fn publish_user(&self, event_type: &str, user: &Arc<User>, request: &HttpRequest) {
        self.publish(&Event::new(event_type, Some(Arc::clone(&user.id)), self.user_body(user)), request);
    }
}

fn make_user(world: &mut World, draft: NewUser, now_ms: i64) -> Result<Arc<User>, Refusal> {
    let id = draft.id.unwrap_or_else(|| world.ids.make("user", now_ms));
    if world.users.get(&id).is_some() {
        return Err(Refusal::identifier_exists("id", "id"));
    }
    let mut user = User::blank(id.into(), now_ms);
    let forced = draft.edits.iter().any(|edit| matches!(edit, Edit::UpdatedAt(_)));
    let mut editing = Editing { ids: &mut world.ids, now_ms };
    for edit in draft.edits {
        edit.apply(&mut user, &mut editing)?;
    }
    // A user made with a `created_at` of its own was last changed when it was made.
    if !forced {
        user.updated_at = now_ms.max(user.created_at);
    }
    world.users.put(user)
}
