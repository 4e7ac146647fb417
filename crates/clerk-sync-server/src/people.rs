//! Who is asking, and where people are sent: what the routes of flows A, C and D work with.

mod backend;
mod target;

use crate::{
    mirror::Mirror,
    settings::{MissingSetting, Settings, TrustedProxies},
};
use anyhow::Context as _;
use backend::BudgetedBackend;
use clerk_auth::{
    AuthSettings, Authenticator, Backend, Decision, HttpBackend, RequestHead, signing_key::SigningKey,
};
use clerk_sync::ensure::{EnsureOptions, EnsureUsers};
use secrecy::ExposeSecret;
use std::{borrow::Cow, sync::Arc};
use target::Targets;
use url::{Url, form_urlencoded};

/// See the module.
#[derive(Debug)]
pub(crate) struct People {
    authenticator: Authenticator,
    pub(crate) ensure: EnsureUsers,
    pub(crate) targets: Targets,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) app_url: Url,
    public_origin: String,
    sign_in_url: Option<Url>,
    pub(crate) sign_up_url: Option<Url>,
}

impl People {
    /// Everything that the routes need, or the setting that is missing.
    pub(crate) fn start(
        settings: &Settings,
        mirror: &Mirror,
    ) -> anyhow::Result<Result<Arc<Self>, MissingSetting>> {
        let authenticator = match authenticator(settings, mirror)? {
            Ok(authenticator) => authenticator,
            Err(missing) => return Ok(Err(missing)),
        };
        Ok(Ok(Arc::new(Self {
            authenticator,
            ensure: EnsureUsers::start(&mirror.engine, EnsureOptions::default()),
            targets: Targets::new(&settings.app_url, &settings.allowed_origins),
            trusted_proxies: settings.trusted_proxies.clone(),
            app_url: settings.app_url.clone(),
            public_origin: settings.public_origin.as_str().to_owned(),
            sign_in_url: settings.clerk_sign_in_url.clone(),
            sign_up_url: settings.clerk_sign_up_url.clone(),
        })))
    }

    /// A request for one of our own routes. Its host is never believed: proxies that rewrite change it. Nor is it ever
    /// for a satellite, which a development instance would send its browser's id to, wherever that is.
    pub(crate) fn own_request<'a>(&'a self, parts: &'a http::request::Parts) -> RequestHead<'a> {
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        RequestHead::new(parts.method.clone(), &*self.public_origin, without_satellite(path), &parts.headers)
    }

    /// Who is asking.
    pub(crate) async fn authenticate(&self, head: &RequestHead<'_>) -> Decision {
        match self.authenticator.authenticate_now(head) {
            Ok(decision) => decision,
            Err(_) => self.authenticator.authenticate(head).await,
        }
    }

    /// Where a stranger signs in, to come back to the same address.
    pub(crate) fn sign_in_address(&self, head: &RequestHead<'_>) -> Option<Url> {
        self.authenticator.sign_in_address(head, self.sign_in_url.as_ref())
    }

    /// Where someone who may not see a page goes: our own page, which knows the way to sign in, says what is wrong, and
    /// sends nobody round in circles. Only for pages of our own origin: elsewhere the two may judge differently.
    pub(crate) fn way_in(&self, head: &RequestHead<'_>) -> Option<Url> {
        let page = head.url().filter(|_| head.is_for_a_page())?;
        if page.origin().ascii_serialization() != self.public_origin {
            return None;
        }
        let mut way = page.join("/clerk/after-sign-up").ok()?;
        way.query_pairs_mut().append_pair("redirect_url", page.as_str());
        Some(way)
    }

    /// Whether browsers reach us by https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_origin.starts_with("https://")
    }
}

/// What tells who is asking, or the setting that is missing.
pub(crate) fn authenticator(
    settings: &Settings,
    mirror: &Mirror,
) -> anyhow::Result<Result<Authenticator, MissingSetting>> {
    let key = match settings.require_publishable_key() {
        Ok(key) => key.clone(),
        Err(missing) => return Ok(Err(missing)),
    };
    let secret = settings.require_secret_key()?.clone();
    let parties = settings.authorized_parties.iter().map(|origin| origin.as_str().to_owned());
    let mut auth = AuthSettings::new(key).with_authorized_parties(parties);
    if let Some(proxy) = &settings.clerk_proxy_url {
        auth = auth.with_proxy_url(proxy.as_str()).context("CLERK_PROXY_URL")?;
    }
    let clerk = HttpBackend::try_new(&settings.clerk_api_url, secret)?;
    let backend: Arc<dyn Backend> = Arc::new(BudgetedBackend::new(clerk, mirror, settings.requests_per_10s));
    let mut builder = Authenticator::builder(auth).backend(backend).clock(Arc::clone(&mirror.clock));
    if let Some(pem) = &settings.clerk_jwt_key {
        builder = builder.jwt_key(SigningKey::from_pem(pem.expose_secret()).context("CLERK_JWT_KEY")?);
    }
    Ok(Ok(builder.build()?))
}

/// A path and its query without the parameter by which a satellite app asks to be synced.
fn without_satellite(path: &str) -> Cow<'_, str> {
    const SATELLITE: &str = "__clerk_redirect_url";
    let Some((route, query)) = path.split_once('?') else { return Cow::Borrowed(path) };
    let pairs = || form_urlencoded::parse(query.as_bytes());
    if !pairs().any(|(name, _)| name == SATELLITE) {
        return Cow::Borrowed(path);
    }
    let kept = pairs().filter(|(name, _)| name != SATELLITE);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    Cow::Owned(format!("{route}?{query}"))
}
