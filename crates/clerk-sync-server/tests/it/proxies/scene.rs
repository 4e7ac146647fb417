//! Everything that takes part, on free ports.

use super::{
    browser::{Browser, Page},
    ear::{Ear, Told},
    program::{Program, example},
};
use crate::harness::{Clerk, Database, Server, Setup, free_address};
use base64::Engine as _;
use clerk_emulator::{EmulatorConfig, SigningKey};
use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{Arc, LazyLock},
};

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
}

/// How Clerk's side acts: in development everything travels in addresses, in production in cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Development,
    Production,
}

/// Making one takes longer than a test.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

/// Fields end in this order: who asks goes before who answers.
pub(crate) struct Scene {
    _proxy: Program,
    ear: Ear,
    _app: Program,
    pub(super) server: Server,
    pub(super) clerk: Clerk,
    pub(super) database: Arc<Database>,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Scene {
    pub(super) async fn start(kind: Kind, manner: Manner) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Arc::new(Database::sqlite());
        let address = free_address();
        let clerk = Clerk::start_with(|config| {
            config.signing_key = Some(KEY.clone());
            // Through the proxy, as in production.
            config.webhook_url = Some(format!("http://{address}/clerk/webhooks"));
            if manner == Manner::Production {
                in_production(config);
            }
        })
        .await;
        let server = Setup::new(&clerk, &database)
            .set("CLERK_PUBLISHABLE_KEY", &clerk.config().publishable_key)
            .set("CLERK_PROXY_URL", &clerk.url())
            .set("CLERK_SIGN_IN_URL", &format!("{}/sign-in", clerk.url()))
            .set("CLERK_SYNC_APP_URL", &format!("http://{address}"))
            .serve()
            .await;
        let mut app = Program::start(&["node"], directory.path(), |command| {
            command.arg(example("node-nginx").join("app.mjs")).env("PORT", "0");
        });
        let ear = Ear::before(app.says_address().await, Arc::clone(&database)).await;
        let addresses = Addresses { proxy: address, clerk_sync: server.address, app: ear.address };
        let mut proxy = match kind {
            Kind::Nginx => nginx(directory.path(), &addresses),
            Kind::Caddy => caddy(directory.path(), &addresses),
        };
        proxy.listens(address).await;
        Self { _proxy: proxy, ear, _app: app, server, clerk, database, address, _directory: directory }
    }

    /// An address as browsers see it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What the app was told since the last time.
    pub(super) fn told(&self) -> Vec<Told> {
        self.ear.told()
    }

    /// A stranger opens the app, is sent to sign in, signs up there instead, and comes back.
    pub(super) async fn sign_up(&self, browser: &mut Browser, email: &str) -> Page {
        let sign_in = browser.open(&self.url("/")).await;
        assert_eq!((sign_in.status, sign_in.url.path()), (200, "/sign-in"), "{sign_in:?}");
        let mut sign_up = sign_in.url.clone();
        sign_up.set_path("/sign-up");
        browser.submit(sign_up.as_str(), &[("email_address", email), ("first_name", "Ada")]).await
    }

    /// The id of the only user.
    pub(super) fn only_user(&self) -> String {
        let users = self.clerk.users();
        assert_eq!(users.len(), 1);
        users[0]["id"].as_str().unwrap().to_owned()
    }
}

fn in_production(config: &mut EmulatorConfig) {
    let host = base64::engine::general_purpose::STANDARD.encode("clerk.example.com$");
    config.publishable_key = format!("pk_live_{host}");
    config.secret_key = "sk_live_made_up_for_this_test".to_owned();
}

struct Addresses {
    proxy: SocketAddr,
    clerk_sync: SocketAddr,
    app: SocketAddr,
}

/// With the example's files, in which only the three addresses are others.
fn nginx(directory: &Path, addresses: &Addresses) -> Program {
    let read = |name: &str| std::fs::read_to_string(example("node-nginx").join(name)).unwrap();
    let mut site = read("site.conf");
    for (documented, ours) in [
        ("listen 127.0.0.1:8080;", format!("listen {};", addresses.proxy)),
        ("server 127.0.0.1:8787;", format!("server {};", addresses.clerk_sync)),
        ("server 127.0.0.1:3000;", format!("server {};", addresses.app)),
    ] {
        assert_eq!(site.matches(documented).count(), 1, "{documented}");
        site = site.replace(documented, &ours);
    }
    std::fs::write(directory.join("site.conf"), site).unwrap();
    std::fs::write(directory.join("nginx.conf"), read("nginx.conf")).unwrap();
    Program::start(&["nginx", "/usr/sbin/nginx"], directory, |command: &mut Command| {
        // One process, so that none is left behind.
        command.arg("-p").arg(directory).args(["-c", "nginx.conf", "-e", "stderr"]);
        command.args(["-g", "daemon off; master_process off;"]);
    })
}

/// With the example's file as it is: it takes addresses from the environment.
fn caddy(directory: &Path, addresses: &Addresses) -> Program {
    Program::start(&["caddy"], directory, |command: &mut Command| {
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(example("node-caddy").join("Caddyfile"));
        command.env("SITE_ADDRESS", format!("http://{}", addresses.proxy));
        command.env("CLERK_SYNC_ADDRESS", addresses.clerk_sync.to_string());
        command.env("APP_ADDRESS", addresses.app.to_string());
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(variable, directory);
        }
    })
}
