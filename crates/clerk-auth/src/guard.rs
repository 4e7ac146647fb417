//! Layers that turn people away. They stand inside a [`crate::ClerkLayer`], which says who is asking.

use crate::{
    gate::{GateFuture, refusal},
    layer::Who,
    session::Session,
};
use http::{HeaderMap, Request, Response, StatusCode};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Answers 401 to those who are not signed in, and 403 to those who may not.
///
/// What a token says is up to a minute old: a role that was taken away goes on for that long.
#[derive(Clone)]
pub struct RequireLayer {
    may: Option<Arc<Rule>>,
}

type Rule = dyn Fn(&Session) -> bool + Send + Sync;

impl RequireLayer {
    /// Anyone who is signed in.
    #[must_use]
    pub fn signed_in() -> Self {
        Self { may: None }
    }

    /// Those whom `may` lets in.
    #[must_use]
    pub fn when(may: impl Fn(&Session) -> bool + Send + Sync + 'static) -> Self {
        Self { may: Some(Arc::new(may)) }
    }

    /// Those with a role in the active organization, `org:admin`.
    #[must_use]
    pub fn role(role: impl Into<String>) -> Self {
        let role = role.into();
        Self::when(move |session| session.has_role(&role))
    }

    /// Those with a permission in the active organization, `org:invoices:create`.
    #[must_use]
    pub fn permission(permission: impl Into<String>) -> Self {
        let permission = permission.into();
        Self::when(move |session| session.has_permission(&permission))
    }

    fn judge(&self, who: Option<&Who>) -> Result<(), (StatusCode, &'static str)> {
        let Some(who) = who else {
            return Err((
                StatusCode::INTERNAL_SERVER_ERROR,
                "Nobody has asked who is asking: a ClerkLayer must stand around this route.\n",
            ));
        };
        let session = who.session().ok_or((StatusCode::UNAUTHORIZED, "Sign in first.\n"))?;
        match &self.may {
            Some(may) if !may(session) => Err((StatusCode::FORBIDDEN, "You may not do this.\n")),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RequireLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService { inner, layer: self.clone() }
    }
}

/// What [`RequireLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct RequireService<S> {
    inner: S,
    layer: RequireLayer,
}

impl<S, Body, Answer> Service<Request<Body>> for RequireService<S>
where
    S: Service<Request<Body>, Response = Response<Answer>>,
    Answer: From<String>,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = GateFuture<S, Body, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.layer.judge(request.extensions().get::<Who>()) {
            Ok(()) => GateFuture::admitted(self.inner.call(request), HeaderMap::new()),
            Err((status, text)) => GateFuture::answered(refusal(status, text)),
        }
    }
}
