//! A tower layer: decides about each request, redirects where Clerk must be asked, and tells the rest who is asking.

use crate::{
    authenticator::Authenticator,
    decision::{Decision, Status},
    reason::Reason,
    request::RequestHead,
    session::Session,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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
    fn head<'a>(&'a self, parts: &'a Parts) -> RequestHead<'a> {
        match self {
            Self::Fixed(origin) => {
                let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
                RequestHead::new(parts.method.clone(), &**origin, path, &parts.headers)
            }
            Self::Received { scheme, trust_forwarded } => {
                RequestHead::received(parts, scheme, *trust_forwarded)
            }
        }
    }
}

impl<S, Body, Answer> Service<Request<Body>> for ClerkService<S>
where
    S: Service<Request<Body>, Response = Response<Answer>> + Clone + Send + 'static,
    S::Future: Send,
    Body: Send + 'static,
    Answer: From<String>,
{
    type Response = Response<Answer>;
    type Error = S::Error;
    type Future = ClerkFuture<S, Body, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let decided = self.layer.authenticator.authenticate_now(&self.layer.origin.head(&parts));
        match decided {
            Ok(decision) => match admit(decision) {
                Ok((who, headers)) => ClerkFuture::inner(self.inner.call(tell(parts, body, who)), headers),
                Err(answer) => ClerkFuture { state: State::Answered { answer: Some(answer) } },
            },
            Err(_need) => self.find_out(parts, body),
        }
    }
}

impl<S: Clone> ClerkService<S> {
    /// The rare request that must wait for Clerk.
    fn find_out<Body, Answer>(&mut self, parts: Parts, body: Body) -> ClerkFuture<S, Body, Answer>
    where
        S: Service<Request<Body>>,
        Body: Send + 'static,
    {
        let clone = self.inner.clone();
        // The service that was polled ready is the one to call.
        let inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        let deciding = Box::pin(async move {
            let decision = layer.authenticator.authenticate(&layer.origin.head(&parts)).await;
            (decision, parts, body)
        });
        ClerkFuture { state: State::Deciding { deciding, inner: Some(inner) } }
    }
}

/// Lets a request in, or says how it is answered here.
fn admit<Answer: From<String>>(decision: Decision) -> Result<(Who, HeaderMap), Response<Answer>> {
    if decision.location().is_some() {
        return Err(answer(StatusCode::TEMPORARY_REDIRECT, decision.headers, String::new()));
    }
    match decision.status {
        Status::SignedIn(session) => Ok((Who::SignedIn(session), decision.headers)),
        Status::SignedOut(reason) | Status::Handshake(reason) => {
            Ok((Who::SignedOut(reason), decision.headers))
        }
        Status::Failed(failure) => {
            let mut headers = decision.headers;
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            let text = format!("This request cannot be judged: {failure}.\n");
            Err(answer(StatusCode::INTERNAL_SERVER_ERROR, headers, text))
        }
    }
}

fn answer<Answer: From<String>>(status: StatusCode, headers: HeaderMap, text: String) -> Response<Answer> {
    let mut response = Response::new(Answer::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn tell<Body>(mut parts: Parts, body: Body, who: Who) -> Request<Body> {
    parts.extensions.insert(who);
    Request::from_parts(parts, body)
}

/// Adds what the decision says to the service's answer.
fn add(headers: HeaderMap, to: &mut HeaderMap) {
    if headers.contains_key(header::SET_COOKIE) {
        // A cache that kept this answer would hand one person's session to others.
        to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let mut name = None;
    for (next, value) in headers {
        name = next.or(name);
        match &name {
            Some(name) if name == header::SET_COOKIE => {
                to.append(name.clone(), value);
            }
            Some(name) => {
                to.insert(name.clone(), value);
            }
            None => {}
        }
    }
}

type Deciding<Body> = Pin<Box<dyn Future<Output = (Decision, Parts, Body)> + Send>>;

pin_project! {
    /// The answer on its way.
    #[must_use = "futures do nothing unless polled"]
    pub struct ClerkFuture<S: Service<Request<Body>>, Body, Answer> {
        #[pin]
        state: State<S, S::Future, Body, Answer>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, Body, Answer> {
        Deciding { deciding: Deciding<Body>, inner: Option<S> },
        Inner { #[pin] inner: F, headers: Option<HeaderMap> },
        Answered { answer: Option<Response<Answer>> },
    }
}

impl<S: Service<Request<Body>>, Body, Answer> std::fmt::Debug for ClerkFuture<S, Body, Answer> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ClerkFuture").finish_non_exhaustive()
    }
}

impl<S: Service<Request<Body>>, Body, Answer> ClerkFuture<S, Body, Answer> {
    fn inner(inner: S::Future, headers: HeaderMap) -> Self {
        Self { state: State::Inner { inner, headers: Some(headers) } }
    }
}

impl<S, Body, Answer> Future for ClerkFuture<S, Body, Answer>
where
    S: Service<Request<Body>, Response = Response<Answer>>,
    Answer: From<String>,
{
    type Output = Result<Response<Answer>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Inner { inner, headers } => {
                    let mut response = ready!(inner.poll(context))?;
                    if let Some(headers) = headers.take().filter(|headers| !headers.is_empty()) {
                        add(headers, response.headers_mut());
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Answered { answer } => match answer.take() {
                    Some(answer) => return Poll::Ready(Ok(answer)),
                    // Polled again after the end, which no executor does.
                    None => return Poll::Pending,
                },
                StateProjection::Deciding { deciding, inner } => {
                    let (decision, parts, body) = ready!(deciding.as_mut().poll(context));
                    match (admit(decision), inner.take()) {
                        (Ok((who, headers)), Some(mut inner)) => {
                            State::Inner { inner: inner.call(tell(parts, body, who)), headers: Some(headers) }
                        }
                        (Err(answer), _) => State::Answered { answer: Some(answer) },
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
            };
            this.state.set(next);
        }
    }
}

#[cfg(test)]
mod tests;
