//! The one list of settings. Reading, flags, checks, the example file and the table in the README all come from it.

use std::sync::LazyLock;

/// What is known about one setting.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Its name, in the environment and in the file.
    pub name: &'static str,
    /// What holds when nobody sets it.
    pub default: DefaultValue,
    /// What it is for, in full sentences (Markdown).
    pub doc: &'static str,
    /// Whether its value is never printed.
    pub secret: bool,
    /// The shape of its value.
    pub kind: Kind,
}

/// What holds when a setting is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This value, written as one would write it.
    Text(&'static str),
    /// What these words say: nothing, or something that depends on other settings.
    Described(&'static str),
}

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A secret.
    Secret,
    /// Texts separated by commas; in the file a list is fine too.
    List,
    /// A web address.
    Url,
    /// The address of a database.
    DatabaseUrl,
    /// An IP address and a port.
    Address,
    /// A number with a unit, or `off`.
    Duration,
    /// A number.
    Number,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

impl Definition {
    /// The default in words.
    #[must_use]
    pub fn default_text(&self) -> &'static str {
        match self.default {
            DefaultValue::Text(text) | DefaultValue::Described(text) => text,
        }
    }

    /// The name of its flag without the dashes: `--listen` for `CLERK_SYNC_LISTEN`. Secrets have none, because other
    /// users of the machine can read a command line; the database's address has one, because it often holds no
    /// password.
    #[must_use]
    pub fn flag(&self) -> Option<&'static str> {
        let position = DEFINITIONS.iter().position(|definition| definition.name == self.name)?;
        FLAGS.get(position)?.as_deref()
    }

    /// The setting that names a file with this secret in it.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }
}

/// The flags of all settings, in the same order.
static FLAGS: LazyLock<Vec<Option<String>>> = LazyLock::new(|| DEFINITIONS.iter().map(flag_of).collect());

fn flag_of(definition: &Definition) -> Option<String> {
    if definition.secret && definition.kind != Kind::DatabaseUrl {
        return None;
    }
    let name = definition.name.strip_prefix("CLERK_SYNC_").unwrap_or(definition.name);
    Some(name.to_ascii_lowercase().replace('_', "-"))
}

/// The definition of a setting by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

/// Every setting, in the order in which it is documented.
pub static DEFINITIONS: &[Definition] = &[
    Definition {
        name: "CLERK_SECRET_KEY",
        default: DefaultValue::Described("required"),
        doc: "The key of Clerk's Backend API, `sk_test_...` or `sk_live_...` (Clerk dashboard, API keys).",
        secret: true,
        kind: Kind::Secret,
    },
    Definition {
        name: "CLERK_PUBLISHABLE_KEY",
        default: DefaultValue::Described("required by flows A, C and D"),
        doc: "The key that names your Clerk instance, `pk_test_...` or `pk_live_...`. \
              `NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY` is accepted too.",
        secret: false,
        kind: Kind::Text,
    },
    Definition {
        name: "CLERK_WEBHOOK_SIGNING_SECRET",
        default: DefaultValue::Described("required by flow B"),
        doc: "The signing secret of the webhook endpoint, `whsec_...` (Clerk dashboard, Webhooks). Several are \
              separated by commas while you rotate them.",
        secret: true,
        kind: Kind::List,
    },
    Definition {
        name: "CLERK_API_URL",
        default: DefaultValue::Text("https://api.clerk.com"),
        doc: "Where Clerk's Backend API is, without `/v1`. Plain http only to this machine; redirects are not \
              followed.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_PROXY_URL",
        default: DefaultValue::Described("unset"),
        doc: "Where your app proxies Clerk's Frontend API, as in Clerk's SDKs. A path such as `/__clerk` counts \
              from `CLERK_SYNC_PUBLIC_URL`.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_JWT_KEY",
        default: DefaultValue::Described("unset"),
        doc: "The public key of your Clerk instance as PEM (`-----BEGIN PUBLIC KEY-----`): session tokens are \
              then verified without any request to Clerk.",
        secret: true,
        kind: Kind::Secret,
    },
    Definition {
        name: "CLERK_SIGN_IN_URL",
        default: DefaultValue::Described("unset"),
        doc: "Where strangers are sent to sign in, as in Clerk's SDKs. A path such as `/sign-in` counts from \
              `CLERK_SYNC_APP_URL`.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_SIGN_UP_URL",
        default: DefaultValue::Described("unset"),
        doc: "Your sign-up page, as in Clerk's SDKs: people whose account is gone are shown the way there. A path counts from \
              `CLERK_SYNC_APP_URL`.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_AUTHORIZED_PARTIES",
        default: DefaultValue::Described("the app's and the public origin"),
        doc: "The origins whose session tokens are accepted (their `azp`), separated by commas.",
        secret: false,
        kind: Kind::List,
    },
    Definition {
        name: "DATABASE_URL",
        default: DefaultValue::Text("sqlite://clerk-sync.db"),
        doc: "The database of your `users` table: `postgres://`, `postgresql://`, `mysql://` (MySQL, MariaDB) or \
              `sqlite://path`. The parameters of Prisma and of the common hosts (Neon, Supabase, PlanetScale) are \
              understood; unknown ones are refused by name. The password is never printed.",
        secret: true,
        kind: Kind::DatabaseUrl,
    },
    Definition {
        name: "CLERK_SYNC_LISTEN",
        default: DefaultValue::Text("127.0.0.1:8787"),
        doc: "Where the public routes listen.",
        secret: false,
        kind: Kind::Address,
    },
    Definition {
        name: "CLERK_SYNC_ADMIN_LISTEN",
        default: DefaultValue::Text("127.0.0.1:8788"),
        doc: "Where metrics and the console listen; `none` turns them off. An address that other machines can \
              reach demands `CLERK_SYNC_ADMIN_TOKEN`.",
        secret: false,
        kind: Kind::Address,
    },
    Definition {
        name: "CLERK_SYNC_ADMIN_TOKEN",
        default: DefaultValue::Described("unset"),
        doc: "What the admin routes demand as `Authorization: Bearer ...`; at least 16 characters.",
        secret: true,
        kind: Kind::Secret,
    },
    Definition {
        name: "CLERK_SYNC_APP_URL",
        default: DefaultValue::Text("http://localhost:3000"),
        doc: "Your app: where people are sent after sign-up. Its origin and `CLERK_SYNC_ALLOWED_ORIGINS` are the \
              only ones that a `redirect_url` may lead to.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_SYNC_ALLOWED_ORIGINS",
        default: DefaultValue::Described("none but the app's"),
        doc: "More origins that a `redirect_url` may lead to, separated by commas.",
        secret: false,
        kind: Kind::List,
    },
    Definition {
        name: "CLERK_SYNC_PUBLIC_URL",
        default: DefaultValue::Described("the app's origin"),
        doc: "Our own origin as browsers see it; Clerk's handshake returns there.",
        secret: false,
        kind: Kind::Url,
    },
    Definition {
        name: "CLERK_SYNC_TRUSTED_PROXIES",
        default: DefaultValue::Text("loopback"),
        doc: "The peers whose `X-Forwarded-*` headers count: IP addresses, networks such as `10.0.0.0/8` and the \
              word `loopback`, separated by commas; or `none`.",
        secret: false,
        kind: Kind::List,
    },
    Definition {
        name: "CLERK_SYNC_IMPORT",
        default: DefaultValue::Described("`auto` for tables that we create, else `off`"),
        doc: "`auto`: while no import has completed, `serve` imports the existing users first. `off`: reconciling \
              waits until a `backfill` has completed once.",
        secret: false,
        kind: Kind::Choice(&["auto", "off"]),
    },
    Definition {
        name: "CLERK_SYNC_CATCH_UP_EVERY",
        default: DefaultValue::Described("`30s` (`10s` for `sk_test_`)"),
        doc: "How often to ask Clerk for users that changed lately; `off` never does.",
        secret: false,
        kind: Kind::Duration,
    },
    Definition {
        name: "CLERK_SYNC_SCRUB_EVERY",
        default: DefaultValue::Text("24h"),
        doc: "How often to compare every user with Clerk, which also finds lost deletions; `off` does so only \
              after a change of the mapping.",
        secret: false,
        kind: Kind::Duration,
    },
    Definition {
        name: "CLERK_SYNC_REQUESTS_PER_10S",
        default: DefaultValue::Described("`100` for `sk_test_`, `1000` for `sk_live_`"),
        doc: "Clerk's rate limit for your instance, in requests within 10 seconds.",
        secret: false,
        kind: Kind::Number,
    },
    Definition {
        name: "CLERK_SYNC_MAX_DELETES",
        default: DefaultValue::Text("max(10, 1%)"),
        doc: "The most deletions that reconciling may find and do within 24 hours without being asked: a number, a \
              share of all users such as `1%` (rounded up), or the larger of both as `max(10, 1%)`.",
        secret: false,
        kind: Kind::Text,
    },
    Definition {
        name: "CLERK_SYNC_KEEP_TOMBSTONES",
        default: DefaultValue::Text("180d"),
        doc: "How long to remember that a user was deleted, so that a late event cannot bring it back; `off` keeps \
              it for ever. At least `90d`: that long, events can be replayed from Clerk's dashboard.",
        secret: false,
        kind: Kind::Duration,
    },
    Definition {
        name: "CLERK_SYNC_LOG",
        default: DefaultValue::Text("info"),
        doc: "What to log: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module as in \
              `info,clerk_sync=debug`.",
        secret: false,
        kind: Kind::Text,
    },
    Definition {
        name: "CLERK_SYNC_LOG_FORMAT",
        default: DefaultValue::Text("text"),
        doc: "How to log: `text` for people, `json` for machines.",
        secret: false,
        kind: Kind::Choice(&["text", "json"]),
    },
];
