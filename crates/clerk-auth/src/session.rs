//! A session: what a session token says about who is asking. Both generations of claims become one type
//! (contract, section c.3).

use crate::js;
use serde_json::Value;
use std::{fmt, sync::Arc};

/// Who is signed in. All of it was signed by Clerk; it is up to a minute old. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Session {
    parts: Arc<Parts>,
}

#[derive(PartialEq)]
struct Parts {
    user_id: Box<str>,
    session_id: Option<Box<str>>,
    organization: Option<Organization>,
    is_pending: bool,
    claims: Value,
}

/// The organization that the user acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// `org_...`
    pub id: Box<str>,
    /// Its short name, if it has one.
    pub slug: Option<Box<str>>,
    /// The user's role in it: `org:admin`.
    pub role: Option<Box<str>>,
    /// What the user may do in it: `org:invoices:create`.
    pub permissions: Vec<Box<str>>,
}

impl Session {
    /// The session in the claims of a verified token. A token without a subject has none.
    pub(crate) fn from_claims(claims: Value) -> Option<Self> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(Box::<str>::from);
        let user_id = text("sub")?;
        let session_id = text("sid");
        let is_second = claims.get("v").and_then(Value::as_f64) == Some(2.0);
        let organization = if is_second { second_generation(&claims) } else { first_generation(&claims) };
        let is_pending = claims.get("sts").and_then(Value::as_str) == Some("pending");
        Some(Self { parts: Arc::new(Parts { user_id, session_id, organization, is_pending, claims }) })
    }

    /// `user_...`. While someone impersonates a user, this is the impersonated one.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.parts.user_id
    }

    /// `sess_...`; `None` in tokens that belong to no session.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.parts.session_id.as_deref()
    }

    /// The active organization; `None` for the personal account.
    #[must_use]
    pub fn organization(&self) -> Option<&Organization> {
        self.parts.organization.as_ref()
    }

    /// The user still has something to do before the session counts (choose an organization, say). Such a session is
    /// no one's until the app says otherwise.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.parts.is_pending
    }

    /// Who acts in the user's name (`act`): an operator who impersonates; `None` where it is the user.
    #[must_use]
    pub fn actor(&self) -> Option<&Value> {
        self.claim("act").filter(|actor| !actor.is_null())
    }

    /// Minutes since the first and the second factor were checked; `None` for one that never was, or an old token.
    #[must_use]
    pub fn factor_ages_minutes(&self) -> [Option<u64>; 2] {
        let ages = self.claim("fva").and_then(Value::as_array);
        let age = |at: usize| ages.and_then(|ages| ages.get(at)).and_then(Value::as_u64);
        [age(0), age(1)]
    }

    /// The origin of the page that asked for the token (`azp`).
    #[must_use]
    pub fn authorized_party(&self) -> Option<&str> {
        self.claim("azp").and_then(Value::as_str)
    }

    /// When the token was issued, Unix seconds.
    #[must_use]
    pub fn issued_at(&self) -> Option<i64> {
        self.claim("iat").and_then(Value::as_f64).map(|seconds| seconds as i64)
    }

    /// When the token is over, Unix seconds.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        self.claim("exp").and_then(Value::as_f64).map(|seconds| seconds as i64)
    }

    /// Any claim, those of a session template among them.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.parts.claims.get(name)
    }

    /// All claims as they were signed.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.parts.claims
    }

    /// Whether the user has a role in the active organization, `org:admin` or `admin`.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        let own = self.organization().and_then(|organization| organization.role.as_deref());
        own.filter(|own| !own.is_empty()).is_some_and(|own| without_scope(own) == without_scope(role))
    }

    /// Whether the user has a permission in the active organization, `org:invoices:create`.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        let wanted = without_scope(permission);
        self.organization().is_some_and(|organization| {
            organization.permissions.iter().any(|own| own.strip_prefix("org:") == Some(wanted))
        })
    }

    /// Whether the user or the active organization has a feature; `user:` or `org:` before it asks for one alone.
    #[must_use]
    pub fn has_feature(&self, feature: &str) -> bool {
        self.is_entitled("fea", feature)
    }

    /// Whether the user or the active organization is on a plan; `user:` or `org:` before it asks for one alone.
    #[must_use]
    pub fn has_plan(&self, plan: &str) -> bool {
        self.is_entitled("pla", plan)
    }

    fn is_entitled(&self, claim: &str, wanted: &str) -> bool {
        let Some(granted) = self.claim(claim).and_then(Value::as_str) else { return false };
        let (scope, name) = match wanted.split_once(':') {
            Some(("o" | "org" | "organization", name)) => (Some('o'), name),
            Some(("u" | "user", name)) => (Some('u'), name),
            Some(_) => return false,
            None => (None, wanted),
        };
        scoped(granted)
            .any(|(scopes, granted)| granted == name && scope.is_none_or(|scope| scopes.contains(scope)))
    }
}

impl fmt::Debug for Session {
    /// Shows ids alone: a claim can hold anything, an e-mail address too.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Session")
            .field("user_id", &self.parts.user_id)
            .field("session_id", &self.parts.session_id)
            .finish_non_exhaustive()
    }
}

/// Elements of a comma list with their scopes: `o:reports`, `uo:search`.
fn scoped(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',')
        .filter_map(|element| element.trim().split_once(':'))
        .filter(|(scopes, _)| matches!(*scopes, "o" | "u" | "ou" | "uo"))
}

fn without_scope(name: &str) -> &str {
    name.trim_start_matches("org:")
}

fn text(value: Option<&Value>) -> Option<Box<str>> {
    value.and_then(Value::as_str).map(Box::from)
}

fn first_generation(claims: &Value) -> Option<Organization> {
    let permissions = claims.get("org_permissions").and_then(Value::as_array);
    Some(Organization {
        id: text(claims.get("org_id"))?,
        slug: text(claims.get("org_slug")),
        role: text(claims.get("org_role")),
        permissions: permissions
            .into_iter()
            .flatten()
            .filter_map(|permission| text(Some(permission)))
            .collect(),
    })
}

fn second_generation(claims: &Value) -> Option<Organization> {
    let organization = claims.get("o")?;
    let field = |name: &str| organization.get(name);
    let role = field("rol").filter(|role| js::is_truthy(Some(role))).and_then(Value::as_str);
    let list = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
    Some(Organization {
        id: text(field("id"))?,
        slug: text(field("slg")),
        role: role.map(|role| format!("org:{role}").into()),
        permissions: permissions(
            claims.get("fea").and_then(Value::as_str).unwrap_or_default(),
            list("per"),
            list("fpm"),
        ),
    })
}

/// `fpm` has a number for each organization feature of `fea`; its bits, from the lowest, are the entries of `per`.
fn permissions(features: &str, names: &str, map: &str) -> Vec<Box<str>> {
    if features.is_empty() || names.is_empty() || map.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let features = scoped(features).filter(|(scopes, _)| scopes.contains('o'));
    features
        .zip(map.split(','))
        .flat_map(|((_, feature), bits)| {
            let bits = bits_of(bits.trim(), names.len());
            let names = names.clone();
            names
                .into_iter()
                .zip(bits)
                .filter(|(_, granted)| *granted)
                .map(move |(name, _)| format!("org:{feature}:{name}").into_boxed_str())
        })
        .collect()
}

/// The lowest bits of a decimal number of any length; none of what is no number.
fn bits_of(decimal: &str, count: usize) -> Vec<bool> {
    let mut digits: Vec<u8> = decimal.bytes().map(|byte| byte.wrapping_sub(b'0')).collect();
    if digits.is_empty() || digits.iter().any(|digit| *digit > 9) {
        return Vec::new();
    }
    (0..count)
        .map(|_| {
            let mut remainder = 0;
            for digit in &mut digits {
                let value = remainder * 10 + *digit;
                *digit = value / 2;
                remainder = value % 2;
            }
            remainder == 1
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn session(claims: Value) -> Session {
        Session::from_claims(claims).unwrap()
    }

    #[test]
    fn both_generations_become_one() {
        let first = session(json!({
            "sub": "user_1", "sid": "sess_1", "org_id": "org_1", "org_slug": "acme", "org_role": "org:admin",
            "org_permissions": ["org:invoices:create", "org:invoices:read"],
        }));
        let second = session(json!({
            "sub": "user_1", "sid": "sess_1", "v": 2, "sts": "active", "fea": "u:themes,o:invoices",
            "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "create,read,delete", "fpm": "3"},
        }));
        for session in [&first, &second] {
            assert_eq!((session.user_id(), session.session_id()), ("user_1", Some("sess_1")));
            let organization = session.organization().unwrap();
            assert_eq!((&*organization.id, organization.slug.as_deref()), ("org_1", Some("acme")));
            assert_eq!(organization.role.as_deref(), Some("org:admin"));
            assert_eq!(organization.permissions, ["org:invoices:create".into(), "org:invoices:read".into()]);
            assert!(
                session.has_role("org:admin") && session.has_role("admin") && !session.has_role("member")
            );
            assert!(session.has_permission("org:invoices:create") && session.has_permission("invoices:read"));
            assert!(!session.has_permission("org:invoices:delete") && !session.is_pending());
        }
        assert!(session(json!({"sub": "user_1"})).organization().is_none());
        assert!(Session::from_claims(json!({"sub": 5})).is_none());
    }

    #[test]
    fn each_feature_has_its_own_bits() {
        let of = |features, names, map| {
            permissions(features, names, map).iter().map(ToString::to_string).collect()
        };
        let all: Vec<String> = of("o:a,u:b,uo:c", "read,write", "1,2");
        assert_eq!(all, ["org:a:read", "org:c:write"]);
        let huge: Vec<String> = of("o:a", "read", "99999999999999999999999999999999999999");
        assert_eq!(huge, ["org:a:read"]);
        for (features, names, map) in
            [("", "read", "1"), ("o:a", "", "1"), ("o:a", "read", "x"), ("a", "read", "1")]
        {
            let none: Vec<String> = of(features, names, map);
            assert!(none.is_empty(), "{features} {names} {map}");
        }
    }

    #[test]
    fn plans_and_features_have_scopes() {
        let session =
            session(json!({"sub": "user_1", "v": 2, "pla": "u:pro", "fea": "o:reports, uo:search,broken"}));
        for (asked, expected) in
            [("pro", true), ("user:pro", true), ("org:pro", false), ("free", false), ("team:pro", false)]
        {
            assert_eq!(session.has_plan(asked), expected, "{asked}");
        }
        assert!(
            session.has_feature("search")
                && session.has_feature("u:search")
                && session.has_feature("o:reports")
        );
        assert!(!session.has_feature("user:reports") && !session.has_feature("broken"));
    }

    #[test]
    fn the_rest_is_at_hand() {
        let session = session(json!({
            "sub": "user_1", "sts": "pending", "act": {"sub": "user_2"}, "fva": [3, -1], "azp": "https://app.example",
            "iat": 10, "exp": 70, "plan": "custom",
        }));
        assert!(session.is_pending());
        assert_eq!(session.actor(), Some(&json!({"sub": "user_2"})));
        assert_eq!(session.factor_ages_minutes(), [Some(3), None]);
        assert_eq!(session.authorized_party(), Some("https://app.example"));
        assert_eq!((session.issued_at(), session.expires_at()), (Some(10), Some(70)));
        assert_eq!(session.claim("plan"), Some(&json!("custom")));
        assert!(!session.has_role("") && !session.has_permission(""));
    }
}
