//! `clerk-sync doctor`: looks at everything that must be right, and says what to do about what is not.
//!
//! Checks run beside each other and each is given three seconds, so that the whole ends within ten whatever hangs. It
//! writes nothing.

mod clerk;
mod clock;
mod database;
mod dead_letters;
mod finding;
mod instance;
mod keys;
mod mapping;
mod migrations;
mod patient;
mod privileges;
mod public_address;
mod reconciling;
mod session_keys;
mod settings;
mod signing_secret;
mod web;
mod webhooks;

use super::text::line;
use crate::{
    cli::{self, CommandResult, Ending, wants_json},
    settings as all_settings,
};
use clap::ArgMatches;
use finding::Finding;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use patient::Patient;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long each check may take.
const BOUND: Duration = Duration::from_secs(3);
/// How long closing the connections may take.
const CLOSE: Duration = Duration::from_secs(2);

pub(crate) async fn run(matches: &ArgMatches) -> CommandResult {
    let (loaded, usable) = all_settings::load_what_works(&cli::sources(matches)?);
    let json = wants_json(matches);
    let mut problems = 0_usize;
    let mut tell = |finding: &Finding| {
        problems += usize::from(finding.is_problem());
        if json { line(finding.json()) } else { line(finding) }
    };
    let (patient, about_settings) = match usable {
        Some(usable) => {
            let (patient, wrong) = Patient::new(usable, &loaded);
            (Some(Arc::new(patient)), settings::findings(&loaded, wrong.as_ref()))
        }
        None => (None, settings::findings(&loaded, None)),
    };
    about_settings.iter().for_each(&mut tell);
    if let Some(patient) = patient {
        let mut checks: FuturesUnordered<_> = checks().into_iter().map(|check| check.run(&patient)).collect();
        while let Some(findings) = checks.next().await {
            findings.iter().for_each(&mut tell);
        }
        let _ = timeout(CLOSE, patient.close()).await;
    }
    match problems {
        0 => Ok(Ending::Done),
        1 => anyhow::bail!("1 problem"),
        problems => anyhow::bail!("{problems} problems"),
    }
}

/// What a check cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// It is the check that tells whether Clerk, or the database, answers: that is bounded already.
    ItsAnswer,
    Clerk,
    Database,
    Both,
}

type Run = fn(Arc<Patient>) -> BoxFuture<'static, Vec<Finding>>;

struct Check {
    name: &'static str,
    needs: Needs,
    run: Run,
}

fn checks() -> Vec<Check> {
    let check = |name, needs, run: Run| Check { name, needs, run };
    vec![
        check(keys::NAME, Needs::Nothing, |patient| async move { keys::check(&patient) }.boxed()),
        check(signing_secret::NAME, Needs::Nothing, |patient| {
            async move { signing_secret::check(&patient) }.boxed()
        }),
        check(clerk::NAME, Needs::ItsAnswer, |patient| async move { clerk::check(&patient).await }.boxed()),
        check(clock::NAME, Needs::Clerk, |patient| async move { clock::check(&patient).await }.boxed()),
        check(session_keys::NAME, Needs::Clerk, |patient| {
            async move { session_keys::check(&patient).await }.boxed()
        }),
        check(instance::NAME, Needs::Both, |patient| async move { instance::check(&patient).await }.boxed()),
        check(database::NAME, Needs::ItsAnswer, |patient| {
            async move { database::check(&patient).await }.boxed()
        }),
        check(privileges::NAME, Needs::Database, |patient| {
            async move { privileges::check(&patient).await }.boxed()
        }),
        check(migrations::NAME, Needs::Database, |patient| {
            async move { migrations::check(&patient).await }.boxed()
        }),
        check(mapping::NAME, Needs::Database, |patient| {
            async move { mapping::check(&patient).await }.boxed()
        }),
        check(public_address::NAME, Needs::Nothing, |patient| {
            async move { public_address::check(&patient).await }.boxed()
        }),
        check(webhooks::NAME, Needs::Database, |patient| {
            async move { webhooks::check(&patient).await }.boxed()
        }),
        check(dead_letters::NAME, Needs::Database, |patient| {
            async move { dead_letters::check(&patient).await }.boxed()
        }),
        check(reconciling::NAME, Needs::Database, |patient| {
            async move { reconciling::check(&patient).await }.boxed()
        }),
    ]
}

impl Check {
    async fn run(self, patient: &Arc<Patient>) -> Vec<Finding> {
        if self.needs == Needs::ItsAnswer {
            return (self.run)(Arc::clone(patient)).await;
        }
        if let Some(why) = self.lacks(patient).await {
            return vec![Finding::note(self.name, format!("not checked: {why}"), "")];
        }
        timeout(BOUND, (self.run)(Arc::clone(patient))).await.unwrap_or_else(|_| {
            let found = format!("no answer within {} s", BOUND.as_secs());
            vec![Finding::problem(
                self.name,
                found,
                "run it again; if this stays, see what holds the answer up",
            )]
        })
    }

    async fn lacks(&self, patient: &Patient) -> Option<String> {
        if matches!(self.needs, Needs::Database | Needs::Both)
            && let Err(trouble) = patient.database.clone().await
        {
            return Some(trouble.why("the database does not answer"));
        }
        if matches!(self.needs, Needs::Clerk | Needs::Both)
            && let Err(trouble) = patient.clerk.clone().await
        {
            return Some(trouble.why("Clerk does not answer"));
        }
        None
    }
}
