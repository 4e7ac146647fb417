//! An emulated Clerk at noon and a client that calls it.
#![expect(clippy::expect_used, reason = "a test helper panics")]

use clerk_auth::clock::{Clock, SystemClock};
use clerk_emulator::{Emulator, EmulatorConfig, Fault, FaultKind, ManualClock, NewUser};
use clerk_sync::{
    clerk::{Budget, ClerkApi, ClerkError, HttpClerk, Lane, UserAnswer},
    metrics::Metrics,
    user_id::UserId,
};
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use url::Url;

pub(crate) const NOON: i64 = 1_767_268_800_000;
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Bench {
    pub(crate) emulator: Emulator,
    pub(crate) clerk: Arc<HttpClerk>,
    pub(crate) budget: Arc<Budget>,
    /// Clerk's clock.
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

pub(crate) fn client(url: &str, key: &str) -> HttpClerk {
    let url = Url::parse(url).expect("a URL");
    HttpClerk::try_new(&url, SecretString::from(key), Arc::new(Metrics::default())).expect("a client")
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut EmulatorConfig)) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let mut config = EmulatorConfig::dev(7);
        config.clock = Arc::clone(&clock) as Arc<dyn clerk_emulator::Clock>;
        change(&mut config);
        let key = config.secret_key.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let emulator = Emulator::start(config, listener).expect("it starts");
        let clerk = Arc::new(client(&emulator.url(), &key));
        let budget = Arc::new(Budget::new(1_000, Arc::new(SystemClock::new()) as Arc<dyn Clock>));
        Self { emulator, clerk, budget, clock }
    }

    /// Makes a user called so, and answers its id.
    pub(crate) fn create(&self, username: &str) -> String {
        let user = self.emulator.create_user(NewUser::new().username(username)).expect("made");
        user["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn key(&self) -> SecretString {
        SecretString::from(self.emulator.config().secret_key.as_str())
    }

    pub(crate) fn fault(&self, kind: FaultKind) {
        self.emulator.add_fault(Fault::new(kind));
    }

    pub(crate) async fn read(&self, id: &str) -> Result<UserAnswer, ClerkError> {
        self.read_by(&self.clerk, id).await
    }

    pub(crate) async fn read_by(&self, clerk: &HttpClerk, id: &str) -> Result<UserAnswer, ClerkError> {
        let permit = self.budget.permit(Lane::Person, PATIENCE).await?;
        clerk.user(permit, &user(id)).await
    }
}
