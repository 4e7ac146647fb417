//! A tower layer: decides about each request, redirects where Clerk must be asked, and tells the rest who is asking.

use crate::{
    authenticator::Authenticator,
    decision::{Decision, Status},
    gate::{GateFuture, refusal},
    reason::Reason,
    request::RequestHead,
    session::Session,
};
use http::{HeaderMap, Request, Response, StatusCode};
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Wraps a service so that its handlers know who is asking. Nobody is turned away by it: see [`crate::guard`] and the
/// extractors for that.
///
/// A request that needs a handshake is answered 307 and does not reach the service. All others do, with a [`Who`] among
/// their extensions; what the decision adds to the answer (`Set-Cookie`, `x-clerk-auth-*`) is added on the way back.
#[derive(Debug, Clone)]
pub struct ClerkLayer {
    authenticator: Authenticator,
    origin: Origin,
}

/// How the layer knows the address that the browser asked for.
#[derive(Debug, Clone)]
enum Origin {
    Fixed(Arc<str>),
    Received { scheme: &'static str, trust_forwarded: bool },
}

/// Who is asking; among the extensions of every request behind a [`ClerkLayer`]. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Who {
    /// Someone whose token verified. A pending session is among them.
    SignedIn(Session),
    /// Nobody, and why.
    SignedOut(Reason),
}

impl Who {
    /// The session, unless it is pending.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::SignedIn(session) if !session.is_pending() => Some(session),
            _ => None,
        }
    }
}

impl ClerkLayer {
    /// The address of a request is taken from its own `Host`, over plain http. Behind a proxy say otherwise, or a
    /// handshake returns to the wrong place.
    #[must_use]
    pub fn new(authenticator: Authenticator) -> Self {
        Self { authenticator, origin: Origin::Received { scheme: "http", trust_forwarded: false } }
    }

    /// The origin under which browsers reach this service, `https://app.example`, whatever headers say.
    #[must_use]
    pub fn public_origin(mut self, origin: &str) -> Self {
        self.origin = Origin::Fixed(origin.trim_end_matches('/').into());
        self
    }

    /// `X-Forwarded-Host` and `-Proto` count, as in Clerk's own SDKs. Only where every request comes through a proxy
    /// that sets them.
    #[must_use]
    pub fn trust_forwarded(mut self) -> Self {
        self.origin = Origin::Received { scheme: "http", trust_forwarded: true };
        self
    }
}

impl<S> Layer<S> for ClerkLayer {
    type Service = ClerkService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClerkService { inner, layer: self.clone() }
    }
}

/// What [`ClerkLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct ClerkService<S> {
    inner: S,
    layer: ClerkLayer,
}

impl Origin {
    fn head<'a, Body>(&'a self, request: &'a Request<Body>) -> RequestHead<'a> {
        match self {
            Self::Fixed(origin) => RequestHead::of(request, &**origin),
            Self::Received { scheme, trust_forwarded } => {
                RequestHead::received(request, scheme, *trust_forwarded)
            }
        }
    }
}

impl<S, Body, Answer> Service<Request<Body>> for ClerkService<S>
where
    S: Service<Request<Body>, Response = Response<Answer>> + Clone + Send + 'static,
    S::Future: Send,
    Body: Send + 'static,
    Answer: From<String> + Send + 'static,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = GateFuture<S, Body, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let layer = &self.layer;
        match layer.authenticator.authenticate_now(&layer.origin.head(&request)) {
            Ok(decision) => match admit(decision) {
                Ok((who, headers)) => {
                    request.extensions_mut().insert(who);
                    GateFuture::admitted(self.inner.call(request), headers)
                }
                Err(answer) => GateFuture::answered(answer),
            },
            // The rare request that must wait for Clerk.
            Err(_need) => {
                let layer = self.layer.clone();
                GateFuture::deciding(&mut self.inner, async move {
                    // The body stays apart: it need not be shared while we wait.
                    let (parts, body) = request.into_parts();
                    let mut request = Request::from_parts(parts, ());
                    let decision = layer.authenticator.authenticate(&layer.origin.head(&request)).await;
                    let (who, headers) = admit(decision)?;
                    request.extensions_mut().insert(who);
                    Ok((request.map(|()| body), headers))
                })
            }
        }
    }
}

/// Lets a request in, or says how it is answered here.
fn admit<Answer: From<String>>(decision: Decision) -> Result<(Who, HeaderMap), Response<Answer>> {
    if decision.location().is_some() {
        return Err(answer(StatusCode::TEMPORARY_REDIRECT, decision.headers, String::new()));
    }
    let who = match decision.status {
        Status::SignedIn(session) => Who::SignedIn(session),
        Status::SignedOut(reason) | Status::Handshake(reason) => Who::SignedOut(reason),
        Status::Failed(failure) => {
            let text = format!("This request cannot be judged: {failure}.\n");
            return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, &text));
        }
    };
    Ok((who, decision.headers))
}

fn answer<Answer: From<String>>(status: StatusCode, headers: HeaderMap, text: String) -> Response<Answer> {
    let mut response = Response::new(Answer::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests;
