//! The result of a handshake: cookies for the app to set, and how they travel there.

use serde::{Deserialize, Serialize};

use crate::http_date::http_date;

const YEAR_MS: i64 = 365 * 86_400_000;

/// How the result of a handshake reaches the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeFormat {
    /// As at Clerk: a nonce if the app takes one and the token would be large (over 2 KiB), else the token.
    #[default]
    AsClerk,
    /// Always a nonce, which the app exchanges at the Backend API.
    Nonce,
    /// Always a signed token that holds the cookies.
    Token,
}

/// Where and under which names the cookies will be set.
#[derive(Clone, Debug)]
pub(crate) struct CookiePlace {
    /// The suffix of this instance's cookies.
    pub(crate) suffix: String,
    /// Whether suffixed cookies are wanted beside the plain ones.
    pub(crate) suffixed: bool,
    /// `Domain` of what the app shares with the Frontend API.
    pub(crate) domain: Option<String>,
    /// Whether the app is at `localhost`, which Clerk names as a domain.
    pub(crate) localhost: bool,
    pub(crate) production: bool,
    /// Whether refresh tokens are handed out, so that one may have to be taken away.
    pub(crate) refresh: bool,
    /// Whether the app is reached by https; browsers and scripts drop `Secure` cookies elsewhere.
    pub(crate) https: bool,
}

/// What a signed-in browser is to hold.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookies {
    pub(crate) token: String,
    pub(crate) expires_at_ms: i64,
    pub(crate) client_uat: i64,
    pub(crate) refresh_token: Option<String>,
}

impl CookiePlace {
    /// The `Set-Cookie` values of a handshake. `session` is `None` for a browser that is signed out.
    pub(crate) fn directives(
        &self,
        dev_browser: Option<&str>,
        session: Option<&SessionCookies>,
        now_ms: i64,
    ) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(id) = dev_browser {
            let expires = http_date(now_ms + YEAR_MS);
            for name in self.names("__clerk_db_jwt") {
                all.push(format!("{name}={id}; Path=/; Expires={expires}; SameSite=Lax"));
            }
        }
        all.extend(self.client_uat(session.map_or(0, |session| session.client_uat)));
        match session {
            Some(session) => all.extend(self.session(session)),
            None => {
                all.extend(self.names("__session").iter().map(|name| self.cleared(name, None)));
                if self.refresh {
                    all.push(self.cleared(&format!("__refresh_{}", self.suffix), None));
                }
            }
        }
        if self.production {
            for name in ["__clerk_handshake", "__clerk_handshake_nonce"] {
                all.push(self.cleared(name, self.domain.as_deref()));
            }
        }
        all
    }

    /// The session token, and the refresh token if there is one.
    pub(crate) fn session(&self, session: &SessionCookies) -> Vec<String> {
        let SessionCookies { token, expires_at_ms, refresh_token, .. } = session;
        let expires = http_date(*expires_at_ms);
        let secure = self.secure();
        let mut all: Vec<_> = self
            .names("__session")
            .iter()
            .map(|name| format!("{name}={token}; Path=/; Expires={expires}; SameSite=Lax{secure}"))
            .collect();
        if let Some(refresh) = refresh_token {
            let name = format!("__refresh_{}", self.suffix);
            all.push(format!("{name}={refresh}; Path=/; Expires={expires}; HttpOnly; SameSite=Lax{secure}"));
        }
        all
    }

    pub(crate) fn client_uat(&self, seconds: i64) -> Vec<String> {
        let domain = self.domain.as_deref().or(self.localhost.then_some("localhost"));
        let domain = domain.map(|domain| format!(" Domain={domain};")).unwrap_or_default();
        let rest = format!("Path=/;{domain} Max-Age=315360000; SameSite=Lax{}", self.secure());
        self.names("__client_uat").iter().map(|name| format!("{name}={seconds}; {rest}")).collect()
    }

    fn names(&self, base: &str) -> Vec<String> {
        let suffixed = self.suffixed.then(|| format!("{base}_{}", self.suffix));
        std::iter::once(base.to_owned()).chain(suffixed).collect()
    }

    fn cleared(&self, name: &str, domain: Option<&str>) -> String {
        let domain = domain.map(|domain| format!(" Domain={domain};")).unwrap_or_default();
        format!("{name}=; Path=/;{domain} Expires=Thu, 01 Jan 1970 00:00:00 GMT{}", self.secure())
    }

    fn secure(&self) -> &'static str {
        if self.production && self.https { "; Secure" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> CookiePlace {
        CookiePlace {
            suffix: "abcdefgh".to_owned(),
            suffixed: true,
            domain: None,
            localhost: true,
            production: false,
            refresh: true,
            https: false,
        }
    }

    #[test]
    fn a_signed_in_development_browser_gets_every_cookie_under_both_names() {
        let session = SessionCookies {
            token: "a.b.c".to_owned(),
            expires_at_ms: 1_767_268_860_000,
            client_uat: 1_767_268_800,
            refresh_token: Some("rt".to_owned()),
        };
        let all = place().directives(Some("dvb_1"), Some(&session), 1_767_268_800_000);
        let year = "Path=/; Expires=Fri, 01 Jan 2027 12:00:00 GMT; SameSite=Lax";
        let minute = "Path=/; Expires=Thu, 01 Jan 2026 12:01:00 GMT; SameSite=Lax";
        let uat = "1767268800; Path=/; Domain=localhost; Max-Age=315360000; SameSite=Lax";
        let hidden = "Path=/; Expires=Thu, 01 Jan 2026 12:01:00 GMT; HttpOnly; SameSite=Lax";
        let expected = [
            format!("__clerk_db_jwt=dvb_1; {year}"),
            format!("__clerk_db_jwt_abcdefgh=dvb_1; {year}"),
            format!("__client_uat={uat}"),
            format!("__client_uat_abcdefgh={uat}"),
            format!("__session=a.b.c; {minute}"),
            format!("__session_abcdefgh=a.b.c; {minute}"),
            format!("__refresh_abcdefgh=rt; {hidden}"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_signed_out_production_browser_loses_them() {
        let place = CookiePlace {
            suffixed: false,
            domain: Some("example.com".to_owned()),
            production: true,
            https: true,
            ..place()
        };
        let all = place.directives(None, None, 0);
        let gone = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure";
        let expected = [
            "__client_uat=0; Path=/; Domain=example.com; Max-Age=315360000; SameSite=Lax; Secure".to_owned(),
            format!("__session=; Path=/; {gone}"),
            format!("__refresh_abcdefgh=; Path=/; {gone}"),
            format!("__clerk_handshake=; Path=/; Domain=example.com; {gone}"),
            format!("__clerk_handshake_nonce=; Path=/; Domain=example.com; {gone}"),
        ];
        assert_eq!(all, expected);
    }
}
