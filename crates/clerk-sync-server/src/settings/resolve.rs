//! From texts to values: every setting is parsed, defaults are filled in, and contradictions are found.

use std::net::SocketAddr;
use std::time::Duration;

use clerk_auth::publishable_key::{Environment, PublishableKey};
use clerk_sync::database_url::DatabaseUrl;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::gather::gather;
use super::reader::Reader;
use super::sources::Sources;
use super::users::UsersConfig;
use super::values::{self, Origin};
use super::{Import, Loaded, LogFormat, Settings};

/// Reads all settings from their sources. What is wrong is collected, not returned at the first mistake.
#[must_use]
pub fn load(sources: &Sources) -> Loaded {
    let gathered = gather(sources);
    let users = gathered.users.clone();
    let mut reader = Reader::new(gathered);
    let settings = read_all(&mut reader, &users);
    let notes = settings.iter().flat_map(|settings| settings.database_url.notes());
    let notes = notes.map(|note| format!("DATABASE_URL: {note}")).collect();
    let (entries, problems) = reader.finish();
    Loaded { settings, users, problems, notes, entries }
}

/// The same, and the settings as they would be if what is wrong had not been set: for looking at everything else. Who
/// uses them asks [`Loaded::wrong`] first.
#[must_use]
pub fn load_what_works(sources: &Sources) -> (Loaded, Option<Settings>) {
    let loaded = load(sources);
    if let Some(settings) = &loaded.settings {
        let settings = settings.clone();
        return (loaded, Some(settings));
    }
    let mut gathered = gather(sources);
    let users = gathered.users.clone();
    let wrong = loaded.wrong();
    gathered.values.retain(|name, _| !wrong.contains(name));
    gathered.broken.clear();
    let settings = read_all(&mut Reader::new(gathered), &users);
    (loaded, settings)
}

/// `None` if a setting that always has a value is wrong.
fn read_all(reader: &mut Reader, users: &UsersConfig) -> Option<Settings> {
    let instance = read_instance(reader);
    let web = read_web(reader);
    let listening = read_listening(reader);
    let database_url = reader.read("DATABASE_URL", database_url);
    if let Some(url) = &database_url {
        reader.show_instead("DATABASE_URL", url.to_string());
    }
    let import = reader.read("CLERK_SYNC_IMPORT", |text| {
        values::choice(text, &[("auto", Import::Auto), ("off", Import::Off)])
    });
    let import = import.unwrap_or(if users.create { Import::Auto } else { Import::Off });
    reader.show_default("CLERK_SYNC_IMPORT", import.as_str());
    let catch_up_every = reader.read("CLERK_SYNC_CATCH_UP_EVERY", |text| {
        values::interval(text, Duration::from_secs(1), ", or `off`")
    });
    let development = instance.environment == Some(Environment::Development);
    let catch_up_every =
        catch_up_every.unwrap_or(Some(Duration::from_secs(if development { 10 } else { 30 })));
    reader.show_default("CLERK_SYNC_CATCH_UP_EVERY", values::write_duration(catch_up_every));
    let scrub_every = reader
        .read("CLERK_SYNC_SCRUB_EVERY", |text| values::interval(text, Duration::from_secs(60), ", or `off`"));
    // Without a key the lower limit is the safe guess.
    let production = instance.environment == Some(Environment::Production);
    let requests_per_10s = reader.read("CLERK_SYNC_REQUESTS_PER_10S", values::requests);
    let requests_per_10s = requests_per_10s.unwrap_or(if production { 1_000 } else { 100 });
    reader.show_default("CLERK_SYNC_REQUESTS_PER_10S", requests_per_10s.to_string());
    let max_deletes = reader.read("CLERK_SYNC_MAX_DELETES", values::max_deletes);
    let keep_tombstones = reader.read("CLERK_SYNC_KEEP_TOMBSTONES", keep_tombstones);
    let trusted_proxies = reader.read("CLERK_SYNC_TRUSTED_PROXIES", values::trusted_proxies);
    let log = reader.read("CLERK_SYNC_LOG", values::log_filter);
    let log_format = reader.read("CLERK_SYNC_LOG_FORMAT", |text| {
        values::choice(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
    });
    // Every setting has been read: what is missing now is a problem already.
    Some(Settings {
        clerk_secret_key: instance.secret_key,
        clerk_publishable_key: instance.publishable_key,
        webhook_signing_secrets: instance.signing_secrets,
        clerk_api_url: instance.api_url?,
        clerk_jwt_key: instance.jwt_key,
        clerk_proxy_url: web.proxy_url,
        clerk_sign_in_url: web.sign_in_url,
        clerk_sign_up_url: web.sign_up_url,
        authorized_parties: web.authorized_parties,
        app_url: web.app_url?,
        allowed_origins: web.allowed_origins,
        public_origin: web.public_origin?,
        trusted_proxies: trusted_proxies?,
        database_url: database_url?,
        listen: listening.public?,
        admin_listen: listening.admin?,
        admin_token: listening.admin_token,
        import,
        catch_up_every,
        scrub_every: scrub_every?,
        requests_per_10s,
        max_deletes: max_deletes?,
        keep_tombstones: keep_tombstones?,
        log: log?,
        log_format: log_format?,
        users: users.clone(),
    })
}

/// The settings that say which Clerk instance it is.
struct Instance {
    environment: Option<Environment>,
    secret_key: Option<SecretString>,
    publishable_key: Option<PublishableKey>,
    signing_secrets: Vec<SecretString>,
    api_url: Option<Url>,
    jwt_key: Option<SecretString>,
}

fn read_instance(reader: &mut Reader) -> Instance {
    let secret_key = reader.read("CLERK_SECRET_KEY", values::secret_key);
    let publishable_key = reader.read("CLERK_PUBLISHABLE_KEY", values::publishable_key);
    let environment = secret_key.as_ref().and_then(|key| Environment::of_secret_key(key.expose_secret()));
    if let (Some(secret), Some(publishable)) = (environment, &publishable_key)
        && secret != publishable.environment()
    {
        let message = format!(
            "is a {} key, but CLERK_SECRET_KEY is a {secret} one: take both from the same instance",
            publishable.environment()
        );
        reader.complain("CLERK_PUBLISHABLE_KEY", message);
    }
    Instance {
        environment,
        secret_key,
        publishable_key,
        signing_secrets: reader
            .read("CLERK_WEBHOOK_SIGNING_SECRET", values::signing_secrets)
            .unwrap_or_default(),
        api_url: reader.read("CLERK_API_URL", values::api_url),
        jwt_key: reader.read("CLERK_JWT_KEY", values::jwt_key),
    }
}

/// The settings about browsers: where they come from and where they are sent.
struct Web {
    app_url: Option<Url>,
    public_origin: Option<Origin>,
    allowed_origins: Vec<Origin>,
    authorized_parties: Vec<Origin>,
    proxy_url: Option<Url>,
    sign_in_url: Option<Url>,
    sign_up_url: Option<Url>,
}

fn read_web(reader: &mut Reader) -> Web {
    let app_url = reader.read("CLERK_SYNC_APP_URL", values::app_url);
    let app_origin = app_url.as_ref().map(Origin::of);
    let public_origin = reader.read("CLERK_SYNC_PUBLIC_URL", values::origin).or_else(|| app_origin.clone());
    if let Some(origin) = &public_origin {
        reader.show_default("CLERK_SYNC_PUBLIC_URL", origin.as_str());
    }
    let authorized_parties = reader.read("CLERK_AUTHORIZED_PARTIES", values::parties).unwrap_or_else(|| {
        let mut origins: Vec<Origin> = app_origin.into_iter().chain(public_origin.clone()).collect();
        origins.dedup();
        origins
    });
    let shown: Vec<&str> = authorized_parties.iter().map(Origin::as_str).collect();
    reader.show_default("CLERK_AUTHORIZED_PARTIES", shown.join(","));
    let app = app_url.as_ref();
    let public_url = public_origin.as_ref().and_then(|origin| Url::parse(origin.as_str()).ok());
    Web {
        allowed_origins: reader.read("CLERK_SYNC_ALLOWED_ORIGINS", values::origins).unwrap_or_default(),
        proxy_url: reader
            .read("CLERK_PROXY_URL", |text| values::page_url(text, public_url.as_ref()))
            .flatten(),
        sign_in_url: reader.read("CLERK_SIGN_IN_URL", |text| values::page_url(text, app)).flatten(),
        sign_up_url: reader.read("CLERK_SIGN_UP_URL", |text| values::page_url(text, app)).flatten(),
        app_url,
        public_origin,
        authorized_parties,
    }
}

/// Where to listen. The outer `None` of `admin` means that the setting is wrong.
struct Listening {
    public: Option<SocketAddr>,
    admin: Option<Option<SocketAddr>>,
    admin_token: Option<SecretString>,
}

fn read_listening(reader: &mut Reader) -> Listening {
    let public = reader.read("CLERK_SYNC_LISTEN", values::address);
    let admin = reader.read("CLERK_SYNC_ADMIN_LISTEN", values::admin_address);
    let admin_token = reader.read("CLERK_SYNC_ADMIN_TOKEN", values::admin_token);
    if let Some(address) = admin.flatten() {
        let unguarded = admin_token.is_none() && !reader.is_wrong("CLERK_SYNC_ADMIN_TOKEN");
        if !address.ip().to_canonical().is_loopback() && unguarded {
            let message = format!(
                "can be reached from other machines ({address}): set CLERK_SYNC_ADMIN_TOKEN (at least 16 \
                 characters), or listen on 127.0.0.1"
            );
            reader.complain("CLERK_SYNC_ADMIN_LISTEN", message);
        }
        if Some(address) == public && address.port() != 0 {
            let message = format!(
                "is the same address as CLERK_SYNC_LISTEN ({address}): choose another port, or `none`"
            );
            reader.complain("CLERK_SYNC_ADMIN_LISTEN", message);
        }
    }
    Listening { public, admin, admin_token }
}

fn database_url(text: &str) -> Result<DatabaseUrl, String> {
    DatabaseUrl::parse(text).map_err(|error| format!("cannot be used: {error}"))
}

fn keep_tombstones(text: &str) -> Result<Option<Duration>, String> {
    let why = ": for 90 days Clerk's webhooks can be replayed, and a replay would bring a deleted user back";
    values::interval(text, Duration::from_secs(90 * 86_400), why)
}
