//! Why a pass ended before its end.

use crate::{
    clerk::{ClerkError, ClerkErrorKind},
    engine::{ApplyError, RereadError},
    instance::BindError,
    mapping::ReadError,
    store::{StoreError, StoreErrorKind},
};

/// Why a pass ended before its end. What it did until then stands; what it did not see it says nothing about.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// See [`ClerkError`].
    #[error(transparent)]
    Clerk(#[from] ClerkError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// See [`ApplyError`].
    #[error(transparent)]
    Apply(ApplyError),
    /// See [`BindError`].
    #[error(transparent)]
    Binding(#[from] BindError),
    /// A list of Clerk's is not what a list can be.
    #[error("Clerk's list of users cannot be relied on: {0}")]
    Unreliable(&'static str),
    /// See [`RereadError::HolderAbsent`].
    #[error(transparent)]
    HolderAbsent(RereadError),
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// Progress in our own tables that this program cannot read.
    #[error("the progress kept of {0} cannot be read; it was written by another version")]
    Progress(crate::store::Run),
}

impl PassError {
    /// Whether another process has taken over, or this one was told to stop: nothing is wrong.
    pub fn is_handover(&self) -> bool {
        match self {
            Self::Stopped => true,
            Self::Store(error) | Self::Apply(ApplyError::Store(error)) => {
                *error.kind() == StoreErrorKind::Overtaken
            }
            Self::Apply(ApplyError::Closed) => true,
            _ => false,
        }
    }

    /// Whether the same may work later without anyone's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Clerk(error) => {
                matches!(error.kind(), ClerkErrorKind::Unavailable | ClerkErrorKind::Throttled { .. })
            }
            Self::Store(error) => error.is_transient(),
            Self::Apply(_) | Self::Unreliable(_) | Self::HolderAbsent(_) | Self::Stopped => true,
            Self::Binding(error) => error.is_transient(),
            Self::Progress(_) => false,
        }
    }
}

impl From<ApplyError> for PassError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Store(error) => Self::Store(error),
            other => Self::Apply(other),
        }
    }
}

impl From<ReadError> for PassError {
    fn from(_: ReadError) -> Self {
        Self::Unreliable("an answer is not a JSON array")
    }
}

impl From<RereadError> for PassError {
    fn from(error: RereadError) -> Self {
        match error {
            RereadError::Clerk(error) => Self::Clerk(error),
            RereadError::Apply(error) => error.into(),
            RereadError::Unreadable(error) => error.into(),
            absent @ RereadError::HolderAbsent(_) => Self::HolderAbsent(absent),
        }
    }
}
