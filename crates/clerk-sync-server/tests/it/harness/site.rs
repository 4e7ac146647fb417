//! An app with people: emulated Clerk, a database, a page to come to, and the service's own origin known beforehand.

use super::{Browser, Clerk, Database, Kind, Server, Setup, free_address, now_ms};
use axum::Router;
use clerk_emulator::{EmulatorConfig, NewUser, TokenOptions};
use tokio::{net::TcpListener, task::JoinHandle};
use url::{Url, form_urlencoded};

/// `clerk.example.com$`, as base64.
const LIVE_HOST: &str = "Y2xlcmsuZXhhbXBsZS5jb20k";

/// How Clerk's Frontend API behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instance {
    Development,
    Production,
}

pub(crate) struct Site {
    pub(crate) instance: Instance,
    pub(crate) clerk: Clerk,
    pub(crate) database: Database,
    pub(crate) setup: Setup,
    /// Of the app.
    pub(crate) app: String,
    /// Of the service.
    pub(crate) origin: String,
    pages: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn new(instance: Instance, kind: Kind) -> Self {
        Self::with(instance, Database::fresh(kind).await, |_| {}).await
    }

    pub(crate) async fn with(
        instance: Instance,
        database: Database,
        change: impl FnOnce(&mut EmulatorConfig),
    ) -> Self {
        let clerk = Clerk::start_with(|config| {
            if instance == Instance::Production {
                config.publishable_key = format!("pk_live_{LIVE_HOST}");
                config.secret_key = config.secret_key.replace("sk_test_", "sk_live_");
            }
            change(config);
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = format!("http://{}", listener.local_addr().unwrap());
        let pages = Router::new().fallback(async || "the app");
        let pages = tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
        let free = free_address();
        let origin = format!("http://{free}");
        let setup = Setup::new(&clerk, &database)
            .set("CLERK_PUBLISHABLE_KEY", &clerk.config().publishable_key)
            .set("CLERK_PROXY_URL", &clerk.url())
            .set("CLERK_SIGN_IN_URL", &format!("{}/sign-in", clerk.url()))
            .set("CLERK_SYNC_APP_URL", &app)
            .set("CLERK_SYNC_PUBLIC_URL", &origin)
            .set("CLERK_SYNC_LISTEN", &free.to_string());
        Self { instance, clerk, database, setup, app, origin, pages }
    }

    /// A change of settings.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.setup = self.setup.clone().set(name, value);
        self
    }

    pub(crate) async fn serve(&self) -> Server {
        self.setup.serve().await
    }

    /// Another process beside the one that holds the origin.
    pub(crate) async fn serve_beside(&self) -> Server {
        self.setup.clone().set("CLERK_SYNC_LISTEN", "127.0.0.1:0").serve().await
    }

    /// The route where people come to, with a wish.
    pub(crate) fn entrance(&self, wish: &str) -> String {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("redirect_url", wish).finish();
        format!("{}/clerk/after-sign-up?{query}", self.origin)
    }

    /// A page of Clerk's that leads to `target` when it is done.
    pub(crate) fn page(&self, path: &str, target: &str) -> String {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("redirect_url", target).finish();
        format!("{}{path}?{query}", self.clerk.url())
    }

    pub(crate) fn is_app(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == self.app
    }

    /// A user in Clerk; no event is sent.
    pub(crate) fn user(&self, id: &str) {
        let user = NewUser::new().id(id).email(format!("{id}@example.com")).first_name("Ada");
        self.clerk.create_user(user).unwrap();
    }

    pub(crate) fn options(&self) -> TokenOptions {
        TokenOptions::new().authorized_party(&self.app)
    }

    /// A good token of a new session.
    pub(crate) async fn token(&self, user: &str) -> String {
        self.clerk.token_for(user, &self.options()).await.unwrap()
    }

    /// A browser that holds the cookies of a session; Clerk knows it.
    pub(crate) async fn browser(&self, user: &str) -> Browser {
        let token = self.token(user).await;
        self.browser_with(user, &token)
    }

    /// The same with a token of one's choice. What Clerk will say of the browser is the truth.
    pub(crate) fn browser_with(&self, user: &str, token: &str) -> Browser {
        let mut browser = Browser::new();
        let key = self.clerk.create_browser(Some(user)).unwrap();
        browser.keep(self.instance.browser_cookie(), &key);
        browser.keep("__client_uat", &(now_ms() / 1_000 - 3_600).to_string());
        browser.keep("__session", token);
        browser
    }

    /// How often single users were read.
    pub(crate) fn reads(&self) -> u64 {
        self.clerk.stats().count("GET /v1/users/{user_id}")
    }

    /// The feed as `(user, change, flow)`.
    pub(crate) async fn feed(&self) -> Vec<(String, String, String)> {
        let flows = self.database.select(&["flow"], "from clerk_sync_changes order by number").await;
        let flows = flows.into_iter().map(|mut row| row[0].take().expect("a flow"));
        self.database
            .feed()
            .await
            .into_iter()
            .zip(flows)
            .map(|((user, change), flow)| (user, change, flow))
            .collect()
    }
}

impl Instance {
    /// By which the Frontend API knows a browser.
    fn browser_cookie(self) -> &'static str {
        match self {
            Self::Development => "__clerk_db_jwt",
            Self::Production => "__client",
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.pages.abort();
    }
}
