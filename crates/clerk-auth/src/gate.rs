//! A layer that lets a request in, answers it itself, or must find something out first: the future of all of ours, and
//! of yours if you like.

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_service::Service;

/// Lets a request in, with what is to be added to the service's answer; or answers it.
pub type Verdict<Body, Answer> = Result<(Request<Body>, HeaderMap), Response<Answer>>;

type Deciding<Body, Answer> = Pin<Box<dyn Future<Output = Verdict<Body, Answer>> + Send>>;

pin_project! {
    /// The answer on its way.
    #[must_use = "futures do nothing unless polled"]
    pub struct GateFuture<S: Service<Request<Body>>, Body, Answer> {
        #[pin]
        state: State<S, S::Future, Body, Answer>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, Body, Answer> {
        Deciding { deciding: Deciding<Body, Answer>, inner: Option<S> },
        Inner { #[pin] inner: F, headers: Option<HeaderMap> },
        Answered { answer: Option<Response<Answer>> },
    }
}

impl<S: Service<Request<Body>>, Body, Answer> fmt::Debug for GateFuture<S, Body, Answer> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("GateFuture").finish_non_exhaustive()
    }
}

impl<S: Service<Request<Body>>, Body, Answer> GateFuture<S, Body, Answer> {
    /// A request that was let in; `headers` are added to the service's answer. Costs no allocation.
    pub fn admitted(inner: S::Future, headers: HeaderMap) -> Self {
        Self { state: State::Inner { inner, headers: Some(headers) } }
    }

    /// A request that does not reach the service.
    pub fn answered(answer: Response<Answer>) -> Self {
        Self { state: State::Answered { answer: Some(answer) } }
    }

    /// What must be waited for. Takes the service that was polled ready, and leaves a clone in its place.
    pub fn deciding(
        inner: &mut S,
        deciding: impl Future<Output = Verdict<Body, Answer>> + Send + 'static,
    ) -> Self
    where
        S: Clone,
    {
        let clone = inner.clone();
        let inner = Some(std::mem::replace(inner, clone));
        Self { state: State::Deciding { deciding: Box::pin(deciding), inner } }
    }
}

impl<S, Body, Answer> Future for GateFuture<S, Body, Answer>
where
    S: Service<Request<Body>, Response = Response<Answer>>,
{
    type Output = Result<Response<Answer>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Inner { inner, headers } => {
                    let mut response = ready!(inner.poll(context))?;
                    if let Some(headers) = headers.take().filter(|headers| !headers.is_empty()) {
                        add_headers(headers, response.headers_mut());
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Deciding { deciding, inner } => {
                    let verdict = ready!(deciding.as_mut().poll(context));
                    // Polled again after its end, which no executor does.
                    let Some(mut inner) = inner.take() else { return Poll::Pending };
                    match verdict {
                        Ok((request, headers)) => {
                            State::Inner { inner: inner.call(request), headers: Some(headers) }
                        }
                        Err(answer) => State::Answered { answer: Some(answer) },
                    }
                }
                StateProjection::Answered { answer } => {
                    return answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)));
                }
            };
            this.state.set(next);
        }
    }
}

/// A short answer in plain text, which no cache keeps.
pub fn refusal<Answer: From<String>>(status: StatusCode, text: &str) -> Response<Answer> {
    let mut response = Response::new(Answer::from(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A `Retry-After`: whole seconds, rounded up, for coming back too early would be in vain.
pub fn retry_after(after: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(after.as_millis().div_ceil(1_000).max(1)).unwrap_or(u64::MAX))
}

/// Adds what a decision says to an answer: cookies beside those that are there, all others in place of them. No cache
/// keeps an answer with cookies.
pub fn add_headers(headers: HeaderMap, to: &mut HeaderMap) {
    if headers.contains_key(header::SET_COOKIE) {
        // A cache that kept this answer would hand one person's session to others.
        to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let mut name = None;
    for (next, value) in headers {
        name = next.or(name);
        let Some(name) = &name else { continue };
        if name == header::SET_COOKIE {
            to.append(name.clone(), value);
        } else {
            to.insert(name.clone(), value);
        }
    }
}
