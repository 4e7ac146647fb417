//! Handshakes: what a browser's state becomes in cookies, and how that reaches the app.

use serde_json::json;
use url::Url;

use crate::core::Core;
use crate::handshake::{CookiePlace, HandshakeFormat, SessionCookies};
use crate::refusal::Refusal;
use crate::state::session::Session;
use crate::token::{SESSION_CATEGORY, TokenOptions};

/// The token from which on Clerk prefers a nonce, in bytes.
const LARGE_TOKEN: usize = 2 * 1024;

/// What an app asks for.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeRequest {
    pub(crate) redirect_url: Url,
    /// In production, the value of the `__client` cookie.
    pub(crate) browser: Option<String>,
    pub(crate) suffixed: bool,
    pub(crate) takes_nonce: bool,
    pub(crate) organization: Option<String>,
    /// The session token the app has, which names the session it means.
    pub(crate) session_token: Option<String>,
}

/// What the app gets: one of these, by URL or by cookie.
#[derive(Clone, Debug)]
pub(crate) enum HandshakeResult {
    Nonce(String),
    Token(String),
}

impl Core {
    pub(crate) async fn handshake(&self, request: &HandshakeRequest) -> Result<HandshakeResult, Refusal> {
        let production = self.config.has_production_frontend();
        let known = request.browser.as_ref().filter(|key| self.knows_browser(key));
        let browser = match known {
            Some(key) => Some(key.clone()),
            None if production => None,
            None => Some(self.create_browser("dvb")),
        };
        let place = self.cookie_place(&request.redirect_url, request.suffixed);
        let session = match &browser {
            Some(browser) => self.handshake_session(browser, request).await?,
            None => None,
        };
        let dev_browser = browser.as_deref().filter(|_| !production);
        let directives = place.directives(dev_browser, session.as_ref(), self.now_ms());
        self.pack(directives, request.takes_nonce).await
    }

    async fn handshake_session(
        &self,
        browser: &str,
        request: &HandshakeRequest,
    ) -> Result<Option<SessionCookies>, Refusal> {
        let claims = match &request.session_token {
            Some(token) => self.keys.open(token).await,
            None => None,
        };
        let named = claims.as_ref().and_then(|claims| claims["sid"].as_str());
        let Some(signed_in) = self.signed_in(browser, named) else { return Ok(None) };
        if let Some(organization) = &request.organization {
            self.activate_organization(&signed_in.session.id, organization);
        }
        let origin = request.redirect_url.origin().ascii_serialization();
        self.session_cookies(&signed_in.session, signed_in.client_uat, &origin).await.map(Some)
    }

    /// A fresh token for a page of `origin`, and what goes with it.
    pub(crate) async fn session_cookies(
        &self,
        session: &Session,
        client_uat: i64,
        origin: &str,
    ) -> Result<SessionCookies, Refusal> {
        let options = TokenOptions::new().authorized_party(origin);
        let token = self.session_token(&session.id, &options, None).await?;
        let refresh_token = self.handshake_settings().refresh_tokens.then(|| self.refresh_token(&session.id));
        Ok(SessionCookies {
            token,
            expires_at_ms: session.expire_at(),
            client_uat,
            refresh_token: refresh_token.flatten(),
        })
    }

    /// The session's refresh token, which stays the same as long as the session lasts.
    fn refresh_token(&self, session_id: &str) -> Option<String> {
        let fresh = format!("{}{}", self.trace_id(), self.trace_id());
        self.write().sessions.refresh_token(session_id, fresh)
    }

    /// Where cookies of an app at `url` go.
    pub(crate) fn cookie_place(&self, url: &Url, suffixed: bool) -> CookiePlace {
        let host = url.host_str().unwrap_or_default();
        CookiePlace {
            suffix: self.config.cookie_suffix(),
            suffixed,
            domain: self.site.cookie_domain(host).map(str::to_owned),
            localhost: host == "localhost",
            production: self.config.has_production_frontend(),
            refresh: self.handshake_settings().refresh_tokens,
            https: url.scheme() == "https",
        }
    }

    async fn pack(&self, directives: Vec<String>, takes_nonce: bool) -> Result<HandshakeResult, Refusal> {
        let format = self.handshake_settings().format;
        if format != HandshakeFormat::Nonce {
            let key = self.key().await?;
            let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.id, "cat": SESSION_CATEGORY });
            let token = key.sign(&header, &json!({ "handshake": directives }))?;
            let small = token.len() <= LARGE_TOKEN || !takes_nonce;
            if small || format == HandshakeFormat::Token {
                return Ok(HandshakeResult::Token(token));
            }
        }
        let nonce = self.trace_id();
        self.write().nonces.add(nonce.clone(), directives, self.now_ms());
        Ok(HandshakeResult::Nonce(nonce))
    }
}
