//! What a session token says.

use serde_json::{Map, Value, json};

/// How a session token is to be made; the default is what Clerk hands to a browser.
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    pub(crate) authorized_party: Option<String>,
    pub(crate) expires_in_seconds: Option<i64>,
    pub(crate) first_version: bool,
    pub(crate) issued_at: Option<i64>,
    pub(crate) pending: bool,
    pub(crate) extra: Map<String, Value>,
}

impl TokenOptions {
    /// What Clerk hands to a browser: 60 seconds, version 2, no `azp`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `azp`: the origin of the page that asks.
    #[must_use]
    pub fn authorized_party(mut self, origin: impl Into<String>) -> Self {
        self.authorized_party = Some(origin.into());
        self
    }

    /// Lifetime; negative for one that has expired already.
    #[must_use]
    pub fn expires_in_seconds(mut self, seconds: i64) -> Self {
        self.expires_in_seconds = Some(seconds);
        self
    }

    /// `iat`, in Unix seconds, instead of now.
    #[must_use]
    pub fn issued_at(mut self, unix_seconds: i64) -> Self {
        self.issued_at = Some(unix_seconds);
        self
    }

    /// The claims of version 1, from before 2025-04-10.
    #[must_use]
    pub fn first_version(mut self) -> Self {
        self.first_version = true;
        self
    }

    /// `sts: pending`: signed in, with a task left to do.
    #[must_use]
    pub fn pending(mut self) -> Self {
        self.pending = true;
        self
    }

    /// A claim of one's own; it also replaces a standard one of that name.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: Value) -> Self {
        self.extra.insert(name.into(), value);
        self
    }
}

/// The organization a session is active in, with the member's role there.
#[derive(Clone, Debug)]
pub(crate) struct ActiveOrganization {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) role: String,
    pub(crate) permissions: Vec<String>,
}

/// Whom a token is about.
#[derive(Clone, Debug)]
pub(crate) struct TokenSubject {
    pub(crate) issuer: String,
    pub(crate) user_id: String,
    pub(crate) session_id: String,
    pub(crate) signed_in_at_ms: i64,
    pub(crate) organization: Option<ActiveOrganization>,
}

pub(crate) fn session_claims(
    subject: &TokenSubject,
    options: &TokenOptions,
    token_id: &str,
    now_ms: i64,
) -> Value {
    let issued_at = options.issued_at.unwrap_or(now_ms / 1_000);
    let minutes_since_sign_in = ((now_ms - subject.signed_in_at_ms) / 60_000).max(0);
    let mut claims = json!({
        "iss": subject.issuer,
        "sub": subject.user_id,
        "sid": subject.session_id,
        "iat": issued_at,
        "exp": issued_at + options.expires_in_seconds.unwrap_or(60),
        "nbf": issued_at - 10,
        "fva": [minutes_since_sign_in, -1],
    });
    if let Some(origin) = &options.authorized_party {
        claims["azp"] = json!(origin);
    }
    if options.first_version {
        if let Some(organization) = &subject.organization {
            claims["org_id"] = json!(organization.id);
            claims["org_slug"] = json!(organization.slug);
            claims["org_role"] = json!(organization.role);
            claims["org_permissions"] = json!(organization.permissions);
        }
    } else {
        claims["jti"] = json!(token_id);
        claims["v"] = json!(2);
        claims["sts"] = json!(if options.pending { "pending" } else { "active" });
        if let Some(organization) = &subject.organization {
            claims["o"] = json!({
                "id": organization.id,
                "slg": organization.slug,
                "rol": organization.role.trim_start_matches("org:"),
            });
        }
    }
    merge(&mut claims, &options.extra);
    claims
}

pub(crate) fn template_claims(
    subject: &TokenSubject,
    options: &TokenOptions,
    token_id: &str,
    now_ms: i64,
) -> Value {
    let issued_at = options.issued_at.unwrap_or(now_ms / 1_000);
    let mut claims = json!({
        "iss": subject.issuer,
        "sub": subject.user_id,
        "iat": issued_at,
        "exp": issued_at + options.expires_in_seconds.unwrap_or(60),
        "nbf": issued_at - 10,
        "jti": token_id,
    });
    if let Some(origin) = &options.authorized_party {
        claims["azp"] = json!(origin);
    }
    merge(&mut claims, &options.extra);
    claims
}

fn merge(claims: &mut Value, extra: &Map<String, Value>) {
    if let Value::Object(claims) = claims {
        claims.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> TokenSubject {
        TokenSubject {
            issuer: "https://clerk.example.com".to_owned(),
            user_id: "user_1".to_owned(),
            session_id: "sess_1".to_owned(),
            signed_in_at_ms: 1_767_225_600_000,
            organization: Some(ActiveOrganization {
                id: "org_1".to_owned(),
                slug: "engines".to_owned(),
                role: "org:admin".to_owned(),
                permissions: vec!["org:sys_memberships:read".to_owned()],
            }),
        }
    }

    #[test]
    fn version_two_keeps_the_organization_under_o() {
        let claims = session_claims(&subject(), &TokenOptions::new(), "jti", 1_767_225_725_000);
        assert_eq!(claims["v"], 2);
        assert_eq!(claims["sts"], "active");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        assert_eq!(claims["iat"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 10);
        assert_eq!(claims["fva"], json!([2, -1]));
        assert_eq!(claims["o"], json!({ "id": "org_1", "slg": "engines", "rol": "admin" }));
        assert!(claims.get("org_id").is_none());
    }

    #[test]
    fn version_one_spells_the_organization_out() {
        let options = TokenOptions::new().first_version().authorized_party("http://localhost:3000");
        let claims = session_claims(&subject(), &options, "jti", 1_767_225_600_000);
        assert_eq!(claims["org_role"], "org:admin");
        assert_eq!(claims["azp"], "http://localhost:3000");
        assert!(claims.get("v").is_none() && claims.get("jti").is_none());
    }
}
