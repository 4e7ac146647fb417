use super::*;
use crate::{
    engine::testing::{Rig, quiet, until, user},
    mapping::{ClaimColumn, Mapping, MappingSpec},
};
use tokio::task::JoinHandle;

mod away;
mod cold;
mod feed;
mod layer;
mod visits;

const PATIENCE: Duration = Duration::from_secs(3);

type Outcome = Result<Ensured, EnsureError>;

/// A rig with the front door.
struct Bench {
    rig: Rig,
    users: EnsureUsers,
}

impl Bench {
    async fn new() -> Self {
        Self::over(Rig::new()).await
    }

    /// One whose e-mail addresses and user names can come from claims.
    async fn with_claims() -> Self {
        let claim = |column: &str, claim: &str| ClaimColumn { column: column.into(), claim: claim.into() };
        let claims = vec![claim("email", "email"), claim("username", "profile.nick")];
        let spec = MappingSpec { claims, ..MappingSpec::default() };
        Self::over(Rig::mirroring(Arc::new(Mapping::try_new(spec).expect("a mapping")))).await
    }

    async fn over(rig: Rig) -> Self {
        let users = EnsureUsers::start(&rig.engine, EnsureOptions::default());
        let bench = Self { rig, users };
        until("the feed is looked at", || bench.users.feed_age().is_some()).await;
        bench
    }

    async fn ensure(&self, id: &str) -> Outcome {
        self.users.ensure(&user(id), None, PATIENCE).await
    }

    async fn visit(&self, id: &str) -> Outcome {
        self.users.visit(&user(id), PATIENCE).await
    }

    fn ensuring(&self, id: &str) -> JoinHandle<Outcome> {
        let (users, user) = (self.users.clone(), user(id));
        tokio::spawn(async move { users.ensure(&user, None, PATIENCE).await })
    }

    fn visiting(&self, id: &str) -> JoinHandle<Outcome> {
        let (users, user) = (self.users.clone(), user(id));
        tokio::spawn(async move { users.visit(&user, PATIENCE).await })
    }

    /// By which flows the row was changed.
    async fn told(&self) -> Vec<(String, String)> {
        let page = self.rig.engine.store().changes(0, 100).await.expect("readable");
        page.entries.into_iter().map(|entry| (entry.change.to_string(), entry.flow)).collect()
    }

    fn counted(&self, flow: &'static str, outcome: &'static str) -> u64 {
        self.users.inner.metrics.ensured(flow, outcome)
    }
}

fn told(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    changes.iter().map(|(change, flow)| ((*change).to_owned(), (*flow).to_owned())).collect()
}
