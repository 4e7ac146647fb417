//! Who is signed in in the browser that asks, judged as clerk-sync itself judges it; and where its links lead.
//!
//! The page does what an app with Clerk's middleware does, but for two things: it makes no row (the point is to see
//! which flow makes it), and a browser that was never here is not sent to Clerk and back to be given a name.

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use clerk_auth::{Reason, RequestHead, Status};
use url::Url;

use super::{Addresses, SampleApp};

/// Where people land after sign-up.
pub(super) const WELCOME: &str = "/welcome";

/// One browser, as the page shows it.
#[derive(Debug)]
pub(super) struct Browser {
    /// Who is signed in in it.
    pub(super) user: Option<String>,
    /// Whether it comes from `/clerk/after-sign-up`.
    pub(super) arrives: bool,
    pub(super) links: Links,
    /// What the answer must carry.
    headers: HeaderMap,
}

/// Where its links lead. They name the browser to the local Clerk, which is another origin.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) sign_up: String,
    pub(super) sign_in: String,
    pub(super) sign_out: String,
    /// `/clerk/after-sign-up`, as somebody opens it who comes back on their own.
    pub(super) back: String,
}

impl Browser {
    /// Who opens the page; or, where the local Clerk has to say so itself, the way there.
    pub(super) async fn look(app: &SampleApp, uri: &Uri, headers: &HeaderMap) -> Result<Self, Box<Response>> {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let head = RequestHead::new(Method::GET, &*app.addresses.app, path, headers);
        let decision = app.authenticator.authenticate(&head).await;
        let is_new = matches!(decision.status, Status::Handshake(Reason::DevBrowserMissing));
        if decision.location().is_some() && !is_new {
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            response.headers_mut().extend(decision.headers);
            return Err(Box::new(response));
        }
        Ok(Self {
            user: decision.session().map(|session| session.user_id().to_owned()),
            arrives: uri.path() == WELCOME,
            links: Links::new(app, headers),
            headers: if is_new { HeaderMap::new() } else { decision.headers },
        })
    }

    /// Who sent a form, as far as it can be told without going to the local Clerk.
    pub(super) async fn of_form(app: &SampleApp, headers: &HeaderMap) -> Self {
        let stranger = || Self {
            user: None,
            arrives: false,
            links: Links::new(app, headers),
            headers: HeaderMap::new(),
        };
        Self::look(app, &Uri::from_static("/"), headers).await.unwrap_or_else(|_| stranger())
    }

    /// Adds what the check says to the answer.
    pub(super) fn answer(self, mut response: Response) -> Response {
        response.headers_mut().extend(self.headers);
        response
    }
}

impl Links {
    fn new(sample: &SampleApp, headers: &HeaderMap) -> Self {
        let Addresses { app, clerk, service, .. } = &sample.addresses;
        let back = Url::parse_with_params(
            &format!("{service}/clerk/after-sign-up"),
            [("redirect_url", format!("{app}{WELCOME}"))],
        );
        let Ok(back) = back else { return Self::default() };
        let after_sign_up = format!("{}?{}", back.path(), back.query().unwrap_or_default());
        let page = |name: &str, origin: &str, then: &str| {
            let page = Url::parse(&format!("{clerk}{name}")).ok();
            let head = RequestHead::new(Method::GET, origin, then, headers);
            let link = page.and_then(|page| sample.authenticator.sign_in_address(&head, Some(&page)));
            link.map(String::from).unwrap_or_default()
        };
        Self {
            sign_up: page("/sign-up", service, &after_sign_up),
            sign_in: page("/sign-in", service, &after_sign_up),
            sign_out: page("/sign-out", app, "/"),
            back: back.into(),
        }
    }
}
