//! Who is signed in where: browsers, their clients, and their sessions.

use crate::core::Core;
use crate::refusal::Refusal;
use crate::state::session::{Session, SessionState};
use crate::state::user::User;
use crate::webhook::HttpRequest;

/// The session a browser is signed in with.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    /// `__client_uat`: when the client last changed, in Unix seconds; never later than now.
    pub(crate) client_uat: i64,
}

impl Core {
    /// A new dev browser, or a new holder of the `__client` cookie; answers its key.
    pub(crate) fn create_browser(&self, prefix: &str) -> String {
        let key = self.chance_id(prefix);
        self.write().browsers.add(key.clone());
        key
    }

    pub(crate) fn knows_browser(&self, key: &str) -> bool {
        self.read().browsers.get(key).is_some()
    }

    pub(crate) fn client_of(&self, browser: &str) -> Option<String> {
        self.read().browsers.get(browser)?.client_id.clone()
    }

    /// Gives a browser a client without a session, unless it has one.
    pub(crate) fn ensure_client(&self, browser: &str) {
        let now_ms = self.now_ms();
        let mut world = self.write();
        let known = world.browsers.get(browser).and_then(|browser| browser.client_id.as_deref());
        if known.is_some_and(|id| world.sessions.client(id).is_some()) {
            return;
        }
        let id = world.ids.make("client", now_ms);
        world.sessions.add_client(id.clone(), now_ms);
        if let Some(browser) = world.browsers.get_mut(browser) {
            browser.client_id = Some(id);
        }
    }

    /// The active session of a browser: the named one if it is the browser's, else the newest.
    pub(crate) fn signed_in(&self, browser: &str, named: Option<&str>) -> Option<SignedIn> {
        let now_ms = self.now_ms();
        let world = self.read();
        let client_id = world.browsers.get(browser)?.client_id.as_deref()?;
        let sessions = world.sessions.of_client(client_id);
        let active: Vec<_> =
            sessions.into_iter().filter(|session| session.status(now_ms) == "active").collect();
        let meant = active.iter().find(|session| named == Some(&*session.id)).or(active.first())?;
        let session = Session::clone(meant);
        let changed_ms = world.sessions.client_changed_at(client_id)?;
        Some(SignedIn { session, client_uat: changed_ms.min(now_ms).div_euclid(1_000) })
    }

    /// Signs a user in on a browser, in place of whoever was signed in there.
    pub(crate) fn sign_in(
        &self,
        browser: &str,
        user_id: &str,
        request: &HttpRequest,
    ) -> Result<Session, Refusal> {
        let client_id = {
            let world = self.read();
            may_sign_in(world.users.find(user_id)?, self.now_ms())?;
            world.browsers.get(browser).and_then(|browser| browser.client_id.clone())
        };
        self.sign_out(browser, request);
        let session = self.start_session_on(client_id, user_id, None, request)?;
        if let Some(browser) = self.write().browsers.get_mut(browser) {
            browser.client_id = Some(session.client_id.clone());
            browser.sign_in = None;
        }
        Ok(session)
    }

    /// Ends every session of a browser.
    pub(crate) fn sign_out(&self, browser: &str, request: &HttpRequest) {
        let Some(client_id) = self.client_of(browser) else { return };
        let ids: Vec<_> =
            self.read().sessions.of_client(&client_id).iter().map(|session| session.id.clone()).collect();
        for id in ids {
            // A session of the list is there unless its user was deleted meanwhile, and then it is over too.
            let _ = self.close_session(&id, SessionState::Ended, request);
        }
    }

    /// Makes an organization (by id or slug; empty for none) the active one of a session. Without the organization, or
    /// without a membership in it, nothing changes.
    pub(crate) fn activate_organization(&self, session_id: &str, which: &str) {
        let mut world = self.write();
        let Ok(user_id) = world.sessions.find(session_id).map(|session| session.user_id.clone()) else {
            return;
        };
        let active = if which.is_empty() {
            None
        } else {
            let id = world.organizations.find(which).ok().map(|organization| organization.id.clone());
            let Some(id) = id.filter(|id| world.organizations.membership(id, &user_id).is_some()) else {
                return;
            };
            Some(id)
        };
        world.sessions.set_organization(session_id, active);
    }
}

fn may_sign_in(user: &User, now_ms: i64) -> Result<(), Refusal> {
    if user.banned {
        return Err(Refusal::new(
            403,
            "user_banned",
            "User banned",
            "This user is banned and cannot sign in.",
        ));
    }
    if let Some(seconds) = user.lockout_seconds(now_ms) {
        let long = format!("This account is locked; try again in {seconds} seconds.");
        return Err(Refusal::new(403, "user_locked", "Account locked", long));
    }
    Ok(())
}
