//! What values come out as, and which are refused.

use std::time::Duration;

use super::*;

#[test]
fn defaults_are_those_of_the_documentation() {
    let settings = Given::default().settings();
    assert!(settings.clerk_secret_key.is_none() && settings.webhook_signing_secrets.is_empty());
    assert_eq!(settings.clerk_api_url.as_str(), "https://api.clerk.com/");
    assert_eq!(settings.database_url.to_string(), "sqlite://clerk-sync.db");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(settings.admin_listen.unwrap().to_string(), "127.0.0.1:8788");
    assert_eq!(settings.app_url.as_str(), "http://localhost:3000/");
    assert_eq!(settings.public_origin.as_str(), "http://localhost:3000");
    assert_eq!(settings.authorized_parties, std::slice::from_ref(&settings.public_origin));
    assert!(settings.allowed_origins.is_empty());
    assert!(settings.trusted_proxies.contains([127, 0, 0, 1].into()));
    assert_eq!(settings.import, Import::Auto);
    assert_eq!(settings.catch_up_every, Some(Duration::from_secs(30)));
    assert_eq!(settings.scrub_every, Some(Duration::from_secs(86_400)));
    assert_eq!(settings.requests_per_10s, 100);
    assert_eq!(settings.max_deletes, MaxDeletes { count: 10, percent: 1 });
    assert_eq!(settings.keep_tombstones, Some(Duration::from_secs(180 * 86_400)));
    assert_eq!((settings.log.as_str(), settings.log_format), ("info", LogFormat::Text));
    assert_eq!(settings.users, UsersConfig::default());
    assert_eq!(settings.environment(), None);
}

#[test]
fn some_defaults_follow_the_key() {
    for (key, requests, catch_up, environment) in
        [("sk_test_x", 100, 10, Environment::Development), ("sk_live_x", 1_000, 30, Environment::Production)]
    {
        let given = env("CLERK_SECRET_KEY", key);
        let settings = given.settings();
        assert_eq!(settings.requests_per_10s, requests);
        assert_eq!(settings.catch_up_every, Some(Duration::from_secs(catch_up)));
        assert_eq!(settings.environment(), Some(environment));
        assert_eq!(shown(&given.load(), "CLERK_SYNC_REQUESTS_PER_10S"), format!("{requests} (default)"));
    }
    let given = env("CLERK_SECRET_KEY", "sk_live_x").env("CLERK_SYNC_REQUESTS_PER_10S", "50");
    assert_eq!(given.settings().requests_per_10s, 50);
}

#[test]
fn everything_set() {
    let settings = env("CLERK_SECRET_KEY", SECRET_KEY)
        .env("CLERK_PUBLISHABLE_KEY", PUBLISHABLE_KEY)
        .env("CLERK_WEBHOOK_SIGNING_SECRET", &format!("{SIGNING_SECRET}, whsec_YWJj"))
        .env("CLERK_API_URL", "http://127.0.0.1:3001/")
        .env("CLERK_PROXY_URL", "/__clerk")
        .env("CLERK_SIGN_IN_URL", "/sign-in")
        .env("CLERK_SIGN_UP_URL", "https://id.example.com/up")
        .env("DATABASE_URL", "postgres://app:pw@db.example/app?sslmode=require")
        .env("CLERK_SYNC_LISTEN", "0.0.0.0:80")
        .env("CLERK_SYNC_ADMIN_LISTEN", "none")
        .env("CLERK_SYNC_ADMIN_TOKEN", "0123456789abcdef")
        .env("CLERK_SYNC_APP_URL", "https://app.example.com/welcome")
        .env("CLERK_SYNC_ALLOWED_ORIGINS", "https://a.example,https://b.example")
        .env("CLERK_SYNC_PUBLIC_URL", "https://www.example.com")
        .env("CLERK_SYNC_TRUSTED_PROXIES", "10.0.0.0/8")
        .env("CLERK_SYNC_IMPORT", "off")
        .env("CLERK_SYNC_CATCH_UP_EVERY", "off")
        .env("CLERK_SYNC_SCRUB_EVERY", "7d")
        .env("CLERK_SYNC_MAX_DELETES", "5%")
        .env("CLERK_SYNC_KEEP_TOMBSTONES", "off")
        .env("CLERK_SYNC_LOG", "warn,clerk_sync=trace")
        .env("CLERK_SYNC_LOG_FORMAT", "json")
        .settings();
    assert_eq!(settings.clerk_secret_key.as_ref().unwrap().expose_secret(), SECRET_KEY);
    assert_eq!(settings.clerk_publishable_key.as_ref().unwrap().frontend_api_host(), "clerk.example.com");
    assert_eq!(settings.webhook_signing_secrets.len(), 2);
    assert_eq!(settings.clerk_api_url.as_str(), "http://127.0.0.1:3001/");
    assert_eq!(settings.clerk_proxy_url.as_ref().unwrap().as_str(), "https://www.example.com/__clerk");
    assert_eq!(settings.clerk_sign_in_url.as_ref().unwrap().as_str(), "https://app.example.com/sign-in");
    assert_eq!(settings.clerk_sign_up_url.as_ref().unwrap().as_str(), "https://id.example.com/up");
    let parties: Vec<&str> = settings.authorized_parties.iter().map(Origin::as_str).collect();
    assert_eq!(parties, ["https://app.example.com", "https://www.example.com"]);
    assert_eq!(settings.admin_listen, None);
    assert_eq!(settings.allowed_origins.len(), 2);
    assert!(!settings.trusted_proxies.contains([127, 0, 0, 1].into()));
    assert_eq!((settings.import, settings.catch_up_every), (Import::Off, None));
    assert_eq!(settings.keep_tombstones, None);
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn wrong_values_name_the_setting_the_source_and_what_is_expected() {
    for (name, value, says) in [
        ("CLERK_SECRET_KEY", "MARKER", "must be a Clerk secret key, which starts with sk_test_ or sk_live_"),
        ("CLERK_SECRET_KEY", "pk_test_MARKER", "must be the secret key, not the publishable key"),
        ("CLERK_PUBLISHABLE_KEY", "sk_test_MARKER", "cannot be used: this is a secret key"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", "whsec_MARKER!", "must be whsec_ and base64 after it"),
        ("CLERK_API_URL", "https://api.clerk.com/v1", "must not end in /v1: leave it out"),
        ("CLERK_API_URL", "https://u:MARKER@api.clerk.com", "must hold no user name and no password"),
        ("CLERK_PROXY_URL", "clerk", "must be an address that begins with http:// or https://, or a path"),
        ("CLERK_JWT_KEY", "MARKER", "must be the public key of your Clerk instance as PEM"),
        ("CLERK_SIGN_IN_URL", "sign-in", "or a path such as /sign-in; it is \"sign-in\""),
        ("CLERK_AUTHORIZED_PARTIES", "app.example.com", "must be origins separated by commas"),
        (
            "DATABASE_URL",
            "postgres://u:MARK@ER@h/MARKER",
            "cannot be used: the user name or the password seems",
        ),
        ("DATABASE_URL", "postgres://u:MARKER@h/d?sslmod=x", "unknown parameter `sslmod`"),
        ("CLERK_SYNC_LISTEN", "8787", "must be an IP address and a port, such as 127.0.0.1:8787"),
        ("CLERK_SYNC_ADMIN_LISTEN", "off", "or [::]:8787, or `none`; it is \"off\""),
        (
            "CLERK_SYNC_ADMIN_LISTEN",
            "0.0.0.0:8788",
            "can be reached from other machines (0.0.0.0:8788): set CLERK_",
        ),
        ("CLERK_SYNC_ADMIN_LISTEN", "127.0.0.1:8787", "is the same address as CLERK_SYNC_LISTEN"),
        ("CLERK_SYNC_ADMIN_TOKEN", "MARKER", "must be at least 16 characters"),
        ("CLERK_SYNC_APP_URL", "localhost:3000", "must be an address that begins with http://"),
        ("CLERK_SYNC_ALLOWED_ORIGINS", "https://a.example/x", "must be origins separated by commas"),
        ("CLERK_SYNC_PUBLIC_URL", "https://a.example/x", "must be an origin with http:// or https://"),
        ("CLERK_SYNC_TRUSTED_PROXIES", "proxy", "must be IP addresses, networks such as 10.0.0.0/8"),
        ("CLERK_SYNC_IMPORT", "on", "must be `auto` or `off`; it is \"on\""),
        ("CLERK_SYNC_CATCH_UP_EVERY", "30", "must be a number with a unit"),
        ("CLERK_SYNC_CATCH_UP_EVERY", "0s", "must be at least 1s, or `off`"),
        ("CLERK_SYNC_SCRUB_EVERY", "1s", "must be at least 1m, or `off`"),
        ("CLERK_SYNC_REQUESTS_PER_10S", "0", "must be a number of requests from 1 to 100000"),
        ("CLERK_SYNC_MAX_DELETES", "some", "must be a number, a share of all users such as 1%"),
        (
            "CLERK_SYNC_KEEP_TOMBSTONES",
            "30d",
            "must be at least 90d: for 90 days Clerk's webhooks can be replayed",
        ),
        ("CLERK_SYNC_LOG", "info,=debug=", "must be a level (error, warn, info, debug, trace)"),
        ("CLERK_SYNC_LOG_FORMAT", "xml", "must be `text` or `json`; it is \"xml\""),
        ("CLERK_SYNC_LISTEN", "sk_live_MARKER", "must be an IP address and a port, such as 127.0.0.1:8787"),
    ] {
        let problem = env(name, value).problem();
        assert!(problem.starts_with(&format!("{name} (environment) ")), "{problem}");
        assert!(problem.contains(says), "{problem}");
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let problems = env("CLERK_SECRET_KEY", "x")
        .env("CLERK_SYNC_LISTEN", "x")
        .env("CLERK_SYNC_APP_URL", "x")
        .env("CLERK_SIGN_IN_URL", "/sign-in")
        .env("CLERK_SYNC_LISEN", "127.0.0.1:1")
        .file("CLERK_SYNC_LOG_FORMAT = \"xml\"\n[users]\ncreate = 1\n")
        .problems();
    assert_eq!(problems.len(), 6, "{problems:#?}");
    let problems =
        Problems(load(&env("CLERK_SYNC_LOG_FORMAT", "x").env("CLERK_SYNC_IMPORT", "x").sources).problems);
    assert_eq!(problems.to_string().lines().count(), 2);
}

#[test]
fn keys_of_different_instances_are_noticed() {
    let problem =
        env("CLERK_SECRET_KEY", "sk_live_MARKER").env("CLERK_PUBLISHABLE_KEY", PUBLISHABLE_KEY).problem();
    assert_eq!(
        problem,
        "CLERK_PUBLISHABLE_KEY (environment) is a development key, but CLERK_SECRET_KEY is a production one: take \
         both from the same instance"
    );
}

#[test]
fn an_admin_address_for_others_needs_a_token() {
    let open = || env("CLERK_SYNC_ADMIN_LISTEN", "[::]:8788");
    assert!(open().problem().contains("set CLERK_SYNC_ADMIN_TOKEN"));
    // One sentence is enough if the token is there and wrong.
    assert!(open().env("CLERK_SYNC_ADMIN_TOKEN", "short").problem().starts_with("CLERK_SYNC_ADMIN_TOKEN"));
    open().env("CLERK_SYNC_ADMIN_TOKEN", "0123456789abcdef").settings();
    env("CLERK_SYNC_ADMIN_LISTEN", "[::ffff:127.0.0.1]:8788").settings();
    env("CLERK_SYNC_ADMIN_LISTEN", "127.0.0.1:0").env("CLERK_SYNC_LISTEN", "127.0.0.1:0").settings();
}

#[test]
fn what_is_missing_is_asked_for_by_name() {
    let settings = Given::default().settings();
    assert_eq!(
        settings.require_secret_key().unwrap_err().to_string(),
        "CLERK_SECRET_KEY is not set: copy it from the Clerk dashboard, API keys (starts with sk_test_ or sk_live_)"
    );
    let missing = settings.require_signing_secrets().unwrap_err().to_string();
    assert!(missing.starts_with("CLERK_WEBHOOK_SIGNING_SECRET is not set: "), "{missing}");
    let missing = settings.require_publishable_key().unwrap_err().to_string();
    assert!(missing.starts_with("CLERK_PUBLISHABLE_KEY is not set: "), "{missing}");
    let settings = env("CLERK_SECRET_KEY", SECRET_KEY)
        .env("CLERK_WEBHOOK_SIGNING_SECRET", SIGNING_SECRET)
        .env("CLERK_PUBLISHABLE_KEY", PUBLISHABLE_KEY)
        .settings();
    assert_eq!(settings.require_secret_key().unwrap().expose_secret(), SECRET_KEY);
    assert_eq!(settings.require_signing_secrets().unwrap().len(), 1);
    settings.require_publishable_key().unwrap();
}
