//! A tower layer: after it, a handler can rely on the row of the user who is asking (flow D).

use super::{EnsureError, EnsureUsers};
use crate::user_id::UserId;
use clerk_auth::{
    Session, Who,
    gate::{GateFuture, Verdict, refusal, retry_after},
};
use http::{HeaderMap, Request, Response, StatusCode, header};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// How long a first request may wait for its row.
const PATIENCE: Duration = Duration::from_secs(3);
/// When to come back, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Stands inside a [`clerk_auth::ClerkLayer`]. Requests of nobody, and of pending sessions, pass: turning them away is
/// another layer's business.
///
/// A user whose row this process has seen costs no lock that blocks, no call to Clerk and none to the database. A user who
/// was deleted is answered 401, also while its token is still good; one whose row cannot be made now 503 with
/// `Retry-After`, and one whose row can never be written 409.
#[derive(Debug, Clone)]
pub struct EnsureUserLayer {
    users: EnsureUsers,
    patience: Duration,
}

impl EnsureUserLayer {
    /// Waits at most 3 s for a new row.
    pub fn new(users: EnsureUsers) -> Self {
        Self { users, patience: PATIENCE }
    }

    /// Waits at most so long for a new row.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    async fn ensure<Body, Answer: From<String>>(
        self,
        session: Session,
        request: Request<Body>,
    ) -> Verdict<Body, Answer> {
        let Ok(user) = UserId::try_new(session.user_id()) else {
            return Err(answer(&EnsureError::NotFound));
        };
        match self.users.ensure(&user, session.claims().as_object(), self.patience).await {
            Ok(_) => Ok((request, HeaderMap::new())),
            Err(error) => Err(answer(&error)),
        }
    }
}

/// What someone is told whose row is not there.
fn answer<Answer: From<String>>(error: &EnsureError) -> Response<Answer> {
    let status = match error {
        EnsureError::Deleted | EnsureError::NotFound => StatusCode::UNAUTHORIZED,
        EnsureError::Conflict => StatusCode::CONFLICT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = refusal(status, &format!("This request was not let in: {error}.\n"));
    if error.is_transient() {
        let after = match error {
            EnsureError::ClerkAway { retry_after: Some(after) } => *after,
            _ => RETRY_AFTER,
        };
        response.headers_mut().insert(header::RETRY_AFTER, retry_after(after));
    }
    response
}

impl<S> Layer<S> for EnsureUserLayer {
    type Service = EnsureUserService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EnsureUserService { inner, layer: self.clone() }
    }
}

/// What [`EnsureUserLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct EnsureUserService<S> {
    inner: S,
    layer: EnsureUserLayer,
}

impl<S, Body, Answer> Service<Request<Body>> for EnsureUserService<S>
where
    S: Service<Request<Body>, Response = Response<Answer>> + Clone,
    Body: Send + 'static,
    Answer: From<String> + Send + 'static,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = GateFuture<S, Body, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let session = match request.extensions().get::<Who>().map(Who::session) {
            Some(Some(session)) => session,
            Some(None) => return GateFuture::admitted(self.inner.call(request), HeaderMap::new()),
            None => {
                let text = "Nobody has asked who is asking: a ClerkLayer must stand around this route.\n";
                return GateFuture::answered(refusal(StatusCode::INTERNAL_SERVER_ERROR, text));
            }
        };
        if self.layer.users.is_known(session.user_id()) {
            return GateFuture::admitted(self.inner.call(request), HeaderMap::new());
        }
        let session = session.clone();
        GateFuture::deciding(&mut self.inner, self.layer.clone().ensure(session, request))
    }
}
