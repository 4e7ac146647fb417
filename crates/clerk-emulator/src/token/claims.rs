//! What a session token says.

use serde_json::{Map, Value, json};

/// How a session token is to be made; the default is what Clerk hands to a browser.
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    pub(crate) authorized_party: Option<String>,
    pub(crate) expires_in_seconds: Option<i64>,
    pub(crate) first_version: bool,
    pub(crate) issued_at: Option<i64>,
    pub(crate) issued_in_seconds: i64,
    pub(crate) not_before_in_seconds: Option<i64>,
    pub(crate) category: Option<String>,
    pub(crate) key_id: Option<String>,
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

    /// Moves `iat`, and with it `exp` and `nbf`, by so many seconds from now; negative for the past.
    #[must_use]
    pub fn issued_in_seconds(mut self, seconds: i64) -> Self {
        self.issued_in_seconds = seconds;
        self
    }

    /// `nbf`, in seconds from `iat`; ten seconds before it unless said otherwise.
    #[must_use]
    pub fn not_before_in_seconds(mut self, seconds: i64) -> Self {
        self.not_before_in_seconds = Some(seconds);
        self
    }

    /// The `cat` header, instead of the one of session tokens.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// The `kid` header, instead of the signing key's own; the signature stays that key's.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// `act`: the administrator who impersonates the user, such as `{"sub": "user_…"}`.
    #[must_use]
    pub fn actor(self, actor: Value) -> Self {
        self.claim("act", actor)
    }

    /// `pla`: the plan, such as `u:pro` or `o:team`.
    #[must_use]
    pub fn plan(self, plan: &str) -> Self {
        self.claim("pla", Value::from(plan))
    }

    /// `fea`: features with their scope, separated by commas, such as `u:export,o:audit`.
    #[must_use]
    pub fn features(self, features: &str) -> Self {
        self.claim("fea", Value::from(features))
    }

    fn issued(&self, now_ms: i64) -> i64 {
        self.issued_at.unwrap_or(now_ms / 1_000).saturating_add(self.issued_in_seconds)
    }

    fn expires(&self, issued_at: i64) -> i64 {
        issued_at.saturating_add(self.expires_in_seconds.unwrap_or(60))
    }

    fn begins(&self, issued_at: i64) -> i64 {
        issued_at.saturating_add(self.not_before_in_seconds.unwrap_or(-10))
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
    let issued_at = options.issued(now_ms);
    let minutes_since_sign_in = ((now_ms - subject.signed_in_at_ms) / 60_000).max(0);
    let mut claims = json!({
        "iss": subject.issuer,
        "sub": subject.user_id,
        "sid": subject.session_id,
        "iat": issued_at,
        "exp": options.expires(issued_at),
        "nbf": options.begins(issued_at),
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
    let issued_at = options.issued(now_ms);
    let mut claims = json!({
        "iss": subject.issuer,
        "sub": subject.user_id,
        "iat": issued_at,
        "exp": options.expires(issued_at),
        "nbf": options.begins(issued_at),
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
    fn times_can_be_moved() {
        let options =
            TokenOptions::new().issued_in_seconds(-100).not_before_in_seconds(30).expires_in_seconds(5);
        let claims = session_claims(&subject(), &options, "jti", 1_767_225_600_000);
        let at = |name: &str| claims[name].as_i64().unwrap() - 1_767_225_600;
        assert_eq!((at("iat"), at("nbf"), at("exp")), (-100, -70, -95));
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
