//! Flow B: a verified webhook.

use super::{ApplyError, Engine, Parts, Reread, RereadError, reread::Wish};
use crate::{
    clerk::{Freshness, Lane},
    event::{self, Event, NotAnEvent},
    mapping,
    observation::{Flow, Observation},
    rule::State,
    store::{CarryOut, NewDeadLetter, StoreError},
    user_id::UserId,
};
use std::time::Duration;

/// A webhook's sender waits 15 s in all; a read takes up to 8 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// While the instance is unknown, the database away or the queue full.
const RETRY_SOON: Duration = Duration::from_secs(5);

/// What became of a verified body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Committed, or nothing new in it. Answer 2xx.
    Accepted,
    /// Not ours: another type of event, or another instance. Answer 2xx.
    Ignored,
    /// It can never be applied and is kept as a dead letter. Answer 2xx.
    Buried,
    /// No event at all. Answer 400 and ask for no retry.
    NotAnEvent,
    /// Not now. Answer 503.
    TryLater {
        /// When.
        after: Duration,
    },
}

impl Engine {
    /// Takes a body whose signature was verified. Returns after the commit, or when it is clear that there is none.
    pub async fn receive(&self, message_id: &str, body: &[u8]) -> Receipt {
        let parts = &self.parts;
        let Some(instance) = self.instance() else {
            parts.metrics.event("", "instance_unknown");
            return Receipt::TryLater { after: RETRY_SOON };
        };
        let parsed = match event::parse(body, &parts.mapping, instance) {
            Ok(parsed) => parsed,
            Err(NotAnEvent) => {
                parts.metrics.event("", "not_an_event");
                tracing::warn!(svix.id = message_id, "a signed body is no event");
                return Receipt::NotAnEvent;
            }
        };
        let message = Message { id: message_id, event_type: &parsed.event_type, body };
        let receipt = parts.take(parsed.event, message).await;
        if matches!(receipt, Receipt::Accepted | Receipt::Buried) {
            parts.accepted_event();
        }
        receipt
    }

    /// Tries a dead letter again: reads its user from Clerk. One about a deletion that was held back is about the row alone,
    /// which is dealt with now. `None` if there is no such letter.
    ///
    /// # Errors
    /// See [`RereadError`].
    pub async fn replay(&self, number: i64, patience: Duration) -> Result<Option<Replay>, RereadError> {
        let parts = &self.parts;
        let Some(letter) = parts.store.dead_letter(number).await? else { return Ok(None) };
        if let Some(user) = letter.letter.held_back() {
            let done = parts.store.carry_out(std::slice::from_ref(user), CarryOut::Now).await?;
            if !done.is_empty() {
                return Ok(Some(Replay::Applied { present: false }));
            }
        }
        let Some(user) = letter.letter.user else { return Ok(Some(Replay::NoUser)) };
        let wish = Wish {
            flow: Some(Flow::Replay),
            freshness: Some(Freshness::Unsent),
            lane: Some(Lane::Person),
            patience,
            ..Wish::default()
        };
        match parts.reread(&user, wish).await? {
            Reread::AbsentNotYet => Ok(Some(Replay::AbsentNotYet)),
            Reread::Applied { present, .. } => {
                parts.store.drop_dead_letter(number).await?;
                Ok(Some(Replay::Applied { present }))
            }
        }
    }
}

/// What a replay led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The row is as Clerk says, and the letter is gone.
    Applied {
        /// Whether Clerk has the user.
        present: bool,
    },
    /// The event names no user, so there is nobody to read.
    NoUser,
    /// Clerk says that there is no such user, which does not count yet.
    AbsentNotYet,
}

#[derive(Clone, Copy)]
struct Message<'a> {
    id: &'a str,
    event_type: &'a str,
    body: &'a [u8],
}

impl Parts {
    async fn take(&self, event: Event, message: Message<'_>) -> Receipt {
        let (outcome, receipt) = match event {
            Event::Ignored => ("ignored", Receipt::Ignored),
            Event::Foreign => {
                tracing::info!(
                    svix.id = message.id,
                    event.r#type = message.event_type,
                    "an event of another instance"
                );
                ("foreign", Receipt::Ignored)
            }
            // What is rare is boxed, so that the common way stays small.
            Event::Hopeless => Box::pin(self.bury(message, None, "the event names no user")).await,
            Event::Observed(observation) => self.take_observation(observation, message).await,
            Event::Reread { user, reason } => {
                tracing::info!(svix.id = message.id, user.id = %user, %reason, "an event is not applied, its user is read");
                Box::pin(self.heal(user, message, None)).await
            }
        };
        self.metrics.event(message.event_type, outcome);
        receipt
    }

    async fn take_observation(
        &self,
        mut observation: Observation,
        message: Message<'_>,
    ) -> (&'static str, Receipt) {
        let user = observation.user.clone();
        observation.message_id = Some(message.id.into());
        let gone = observation.claim.version.state == State::Gone;
        let refused = match self.apply(observation).await {
            Ok(applied) => {
                tracing::debug!(svix.id = message.id, user.id = %user, verdict = ?applied.verdict, "event applied");
                return (verdict_label(applied.verdict), Receipt::Accepted);
            }
            Err(ApplyError::Store(error)) if error.is_rejection() => error,
            Err(error) => return self.try_later(message, &error),
        };
        tracing::warn!(svix.id = message.id, user.id = %user, error = %refused, "the database refused an event's row");
        if gone {
            // Clerk has nothing to add to a deletion.
            return Box::pin(self.bury(message, Some(user), &refused.to_string())).await;
        }
        Box::pin(self.heal(user, message, Some(refused))).await
    }

    /// Reads the user and applies what Clerk says. What even then cannot be applied is buried.
    async fn heal(
        &self,
        user: UserId,
        message: Message<'_>,
        refused: Option<StoreError>,
    ) -> (&'static str, Receipt) {
        let wish = Wish {
            freshness: Some(Freshness::Unsent),
            lane: Some(Lane::Webhook),
            patience: PATIENCE,
            message_id: Some(message.id.into()),
            ..Wish::default()
        };
        match self.reread(&user, wish).await {
            Ok(Reread::Applied { .. }) => ("healed", Receipt::Accepted),
            Ok(Reread::AbsentNotYet) => {
                ("absent_not_yet", Receipt::TryLater { after: super::reread::DOUBT_RECHECK })
            }
            Err(error) if error.is_transient() => {
                let after = error.retry_after().unwrap_or(RETRY_SOON);
                tracing::warn!(svix.id = message.id, user.id = %user, %error, "an event cannot be healed now");
                ("try_later", Receipt::TryLater { after })
            }
            Err(error) => {
                let reason = match refused {
                    // The same obstacle again, and perhaps more is known of it.
                    Some(_) if error.rejection().is_some() => error.to_string(),
                    Some(refused) => format!("{refused}; read again: {error}"),
                    None => error.to_string(),
                };
                self.bury(message, Some(user), &reason).await
            }
        }
    }

    async fn bury(
        &self,
        message: Message<'_>,
        user: Option<UserId>,
        reason: &str,
    ) -> (&'static str, Receipt) {
        let letter = NewDeadLetter {
            message_id: Some(message.id.chars().take(255).collect()),
            event_type: message.event_type.chars().take(100).collect(),
            user,
            reason: reason.to_owned(),
            mapped: self.mapped_values(message.body),
            buried_at: self.clock.now_ms(),
        };
        match self.store.bury(&letter).await {
            Ok(number) => {
                tracing::error!(
                    svix.id = message.id,
                    event.r#type = letter.event_type,
                    dead_letter = number,
                    reason,
                    "an event cannot be applied and is kept: see clerk-sync dead-letters show {number}"
                );
                ("buried", Receipt::Buried)
            }
            Err(error) => self.try_later(message, &ApplyError::Store(error)),
        }
    }

    fn try_later(&self, message: Message<'_>, error: &ApplyError) -> (&'static str, Receipt) {
        tracing::warn!(svix.id = message.id, %error, "an event cannot be written now");
        let after = if *error == ApplyError::Overloaded { Duration::from_secs(1) } else { RETRY_SOON };
        ("try_later", Receipt::TryLater { after })
    }

    /// The event's mapped values as a JSON object by column, if they can be read. Read once more, so that events that
    /// can be applied, nearly all, need no copy.
    fn mapped_values(&self, body: &[u8]) -> Option<String> {
        let parsed = event::parse(body, &self.mapping, self.instance.get()?).ok()?;
        let Event::Observed(Observation { row: Some(row), .. }) = parsed.event else { return None };
        Some(mapping::row_json(&self.mapping, &row).to_string())
    }
}

fn verdict_label(verdict: crate::rule::Verdict) -> &'static str {
    match verdict {
        crate::rule::Verdict::Stands => "applied",
        crate::rule::Verdict::Refreshed | crate::rule::Verdict::Duplicate => "duplicate",
        crate::rule::Verdict::Stale => "stale",
    }
}

#[cfg(test)]
mod tests;
