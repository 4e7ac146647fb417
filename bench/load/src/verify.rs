//! Compares the receiver's table, row by row, with what was sent.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::body::Writer;
use crate::drive::Outcome;
use crate::options::SendOptions;
use crate::plan::{Event, Plan};

#[derive(Debug, Default, Serialize)]
pub(crate) struct Verified {
    pub(crate) rows: usize,
    /// Users of whom at least one event was answered 2xx.
    pub(crate) expected: usize,
    /// Accepted, but no row.
    pub(crate) missing: usize,
    /// A row with another e-mail than the newest accepted event's.
    pub(crate) different: usize,
    /// Rows of users that were never sent, and second rows of one user.
    pub(crate) unexpected: usize,
}

impl Verified {
    pub(crate) fn is_clean(&self) -> bool {
        self.missing + self.different + self.unexpected == 0
    }
}

/// What is known of one user's row.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    /// The newest version answered 2xx.
    accepted: Option<u32>,
    /// A version was sent whose fate is unknown: the row may hold it or not.
    unsure: bool,
    seen: bool,
}

pub(crate) async fn verify(
    url: &str,
    options: &SendOptions,
    plan: &Plan,
    start_ms: u64,
    runs: &[(usize, &Outcome)],
) -> Result<Verified> {
    let mut users = expectations(plan, runs);
    let writer = Writer { instance_id: &options.instance_id, seed: options.seed, start_ms };
    let numbers: HashMap<String, usize> =
        users.iter().enumerate().map(|(number, _)| (writer.user_id(number as u32), number)).collect();

    let mut verified = Verified {
        expected: users.iter().filter(|user| user.accepted.is_some()).count(),
        ..Verified::default()
    };
    sqlx::any::install_default_drivers();
    let mut connection =
        sqlx::AnyConnection::connect(url).await.context("connecting to the database of --verify")?;
    let mut rows = sqlx::query(AssertSqlSafe(select(url, options)?)).fetch(&mut connection);
    while let Some(row) = rows.try_next().await.context("reading the table of --verify")? {
        let (id, email): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        verified.rows += 1;
        let Some(number) = numbers.get(&id).copied() else {
            verified.unexpected += 1;
            continue;
        };
        let user = &mut users[number];
        if user.seen || (user.accepted.is_none() && !user.unsure) {
            verified.unexpected += 1;
        }
        user.seen = true;
        let right = user.accepted.is_some_and(|version| {
            email.as_deref() == Some(Writer::email(Event { user: number as u32, version }).as_str())
        });
        if !right && !user.unsure {
            verified.different += 1;
        }
    }
    verified.missing = users.iter().filter(|user| user.accepted.is_some() && !user.seen).count();
    Ok(verified)
}

fn expectations(plan: &Plan, runs: &[(usize, &Outcome)]) -> Vec<Expected> {
    let mut users = vec![Expected::default(); plan.users as usize];
    for (first, run) in runs {
        let mut sure = vec![false; run.sent];
        for number in &run.accepted {
            let event = plan.events[*number as usize];
            sure[*number as usize - first] = true;
            let accepted = &mut users[event.user as usize].accepted;
            *accepted = (*accepted).max(Some(event.version));
        }
        for (offset, _) in sure.iter().enumerate().filter(|(_, sure)| !**sure) {
            users[plan.events[first + offset].user as usize].unsure = true;
        }
    }
    users
}

fn select(url: &str, options: &SendOptions) -> Result<String> {
    for name in [&options.table, &options.id_column, &options.email_column] {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        ensure!(!name.is_empty() && name.chars().all(plain), "not a plain name: {name}");
    }
    // Cast, because the columns' exact types are the receiver's business.
    let text = match url.split(':').next() {
        Some("postgres" | "postgresql" | "sqlite") => "text",
        Some("mysql") => "char",
        _ => bail!("--verify knows postgres://, mysql:// and sqlite://"),
    };
    let SendOptions { table, id_column, email_column, .. } = options;
    Ok(format!("SELECT CAST({id_column} AS {text}), CAST({email_column} AS {text}) FROM {table}"))
}
