//! Browsers as the Frontend API knows them: dev browsers, and holders of the `__client` cookie.

use std::collections::{HashMap, VecDeque};

/// A page can make browsers without end; the oldest are forgotten.
const MAX_BROWSERS: usize = 50_000;

/// What is known of one browser besides its client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    /// The client comes with the first session.
    pub(crate) client_id: Option<String>,
    pub(crate) sign_in: Option<SignInAttempt>,
}

/// A sign-in whose password is still to come.
#[derive(Clone, Debug)]
pub(crate) struct SignInAttempt {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) identifier: String,
}

/// By key: a dev browser's id, or the value of the `__client` cookie.
#[derive(Debug, Default)]
pub(crate) struct Browsers {
    by_key: HashMap<String, Browser>,
    order: VecDeque<String>,
}

impl Browsers {
    pub(crate) fn add(&mut self, key: String) {
        if self.order.len() >= MAX_BROWSERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.by_key.insert(key, Browser::default());
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Browser> {
        self.by_key.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Browser> {
        self.by_key.get_mut(key)
    }
}
