//! The example as a process of its own, against a local Clerk.

#[cfg(test)]
mod tests {
    use clerk_emulator::{Emulator, EmulatorConfig, Fault, FaultKind, NewUser, SigningKey, TokenOptions};
    use reqwest::{Client, Method, Response};
    use serde_json::{Value, json};
    use std::{process::Stdio, sync::LazyLock, time::Duration};
    use tokio::{
        io::{AsyncBufReadExt as _, BufReader},
        net::TcpListener,
        process::{Child, Command},
    };

    const ORIGIN: &str = "http://localhost:3000";

    /// Making one takes longer than a test.
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

    struct App {
        clerk: Emulator,
        address: String,
        http: Client,
        /// Ends with the test.
        _process: Child,
        _directory: tempfile::TempDir,
    }

    impl App {
        async fn start() -> Self {
            let mut config = EmulatorConfig::dev(11);
            config.signing_key = Some(KEY.clone());
            let clerk = Emulator::start(config, TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let mut process = Command::new(env!("CARGO_BIN_EXE_clerk-sync-example-axum"))
                .env_clear()
                .env("CLERK_API_URL", clerk.url())
                .env("CLERK_PROXY_URL", clerk.url())
                .env("CLERK_SECRET_KEY", &clerk.config().secret_key)
                .env("CLERK_PUBLISHABLE_KEY", &clerk.config().publishable_key)
                .env("CLERK_WEBHOOK_SIGNING_SECRET", &clerk.config().webhook_secrets[0])
                .env("DATABASE_URL", format!("sqlite://{}/notes.db", directory.path().display()))
                .env("LISTEN", "127.0.0.1:0")
                .env("NO_COLOR", "1")
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
            let mut lines = Vec::new();
            let address = loop {
                let line = log.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended: {}", lines.join("\n")));
                if let Some((_, address)) = line.split_once("listening on ") {
                    break address.trim().to_owned();
                }
                lines.push(line);
            };
            // A full pipe would stop it.
            tokio::spawn(async move {
                while let Ok(Some(line)) = log.next_line().await {
                    eprintln!("{line}")
                }
            });
            clerk.set_webhook_url(Some(&format!("{address}/clerk/webhooks"))).unwrap();
            let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
            let http = http.timeout(Duration::from_secs(20)).build().unwrap();
            Self { clerk, address, http, _process: process, _directory: directory }
        }

        fn sign_up(&self, email: &str) -> String {
            let user = self.clerk.create_user(NewUser::new().email(email).first_name("Ada")).unwrap();
            user["id"].as_str().unwrap().to_owned()
        }

        async fn token(&self, user: &str) -> String {
            self.clerk.token_for(user, &TokenOptions::new().authorized_party(ORIGIN)).await.unwrap()
        }

        async fn send(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Response {
            let mut request = self.http.request(method, format!("{}{path}", self.address));
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            request.send().await.unwrap()
        }

        async fn get(&self, path: &str, token: &str) -> Response {
            self.send(Method::GET, path, token, None).await
        }

        async fn add(&self, token: &str, text: &str) -> Response {
            self.send(Method::POST, "/notes", token, Some(json!({ "text": text }))).await
        }
    }

    async fn json_of(response: Response) -> Value {
        assert!(response.status().is_success(), "{response:?}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_first_request_of_a_new_user_can_refer_to_its_row() {
        let app = App::start().await;
        app.clerk.add_fault(Fault::new(FaultKind::WebhookDrop));
        let token = app.token(&app.sign_up("ada@example.com")).await;
        let note = app.add(&token, "milk").await;
        assert_eq!(note.status(), 201);
        assert_eq!(json_of(note).await, json!({ "id": 1, "text": "milk", "author": "Ada" }));

        let asked = app.clerk.stats().requests;
        for _ in 0..20 {
            let notes = json_of(app.get("/notes", &token).await).await;
            assert_eq!(notes, json!([{ "id": 1, "text": "milk", "author": "Ada" }]));
        }
        assert_eq!(app.clerk.stats().requests, asked, "warm requests ask Clerk for nothing");
        assert_eq!(app.clerk.stats().count("GET /v1/users/{user_id}"), 1);
    }

    #[tokio::test]
    async fn a_rush_of_first_requests_asks_clerk_once() {
        let app = App::start().await;
        app.clerk.add_fault(Fault::new(FaultKind::WebhookDrop));
        let token = app.token(&app.sign_up("ada@example.com")).await;
        let (a, b, c) = tokio::join!(app.add(&token, "a"), app.add(&token, "b"), app.get("/notes", &token));
        assert_eq!((a.status().as_u16(), b.status().as_u16(), c.status().as_u16()), (201, 201, 200));
        assert_eq!(app.clerk.stats().count("GET /v1/users/{user_id}"), 1);
    }

    #[tokio::test]
    async fn strangers_are_turned_away() {
        let app = App::start().await;
        let user = app.sign_up("ada@example.com");
        let foreign = TokenOptions::new().authorized_party("https://evil.example");
        let foreign = app.clerk.token_for(&user, &foreign).await.unwrap();
        for token in ["", "junk", &foreign] {
            assert_eq!(app.get("/notes", token).await.status(), 401, "{token:?}");
            assert_eq!(app.add(token, "x").await.status(), 401, "{token:?}");
            assert_eq!(app.get("/admin/notes", token).await.status(), 401, "{token:?}");
        }
        // A browser without cookies is sent to Clerk first: in development it must be known there.
        let page = app.http.get(format!("{}/notes", app.address)).header("accept", "text/html");
        let page = page.send().await.unwrap();
        assert_eq!(page.status(), 307);
        let location = page.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(&format!("{}/v1/client/handshake?", app.clerk.url())), "{location}");
        assert!(location.contains("redirect_url=http%3A%2F%2Flocalhost%3A3000%2Fnotes"), "{location}");
    }

    #[tokio::test]
    async fn only_admins_count_everybodys_notes() {
        let app = App::start().await;
        let (ada, bob) = (app.sign_up("ada@example.com"), app.sign_up("bob@example.com"));
        let bobs = app.token(&bob).await;
        assert_eq!(app.add(&bobs, "x").await.status(), 201);
        assert_eq!(app.get("/admin/notes", &bobs).await.status(), 403);
        let organization = app.clerk.create_organization("Acme", Some(&ada)).unwrap();
        let session = app.clerk.start_session(&ada, organization["id"].as_str()).unwrap();
        let options = TokenOptions::new().authorized_party(ORIGIN);
        let admin = app.clerk.session_token(&session, &options).await.unwrap();
        let counts = json_of(app.get("/admin/notes", &admin).await).await;
        let mut expected = vec![json!([ada, 0]), json!([bob, 1])];
        expected.sort_by_key(|count| count[0].to_string());
        assert_eq!(counts, Value::Array(expected));
    }

    #[tokio::test]
    async fn webhooks_are_taken_and_a_deleted_user_is_refused_at_once() {
        let app = App::start().await;
        let user = app.sign_up("ada@example.com");
        app.clerk.deliveries_settled().await;
        let token = app.token(&user).await;
        assert_eq!(app.add(&token, "milk").await.status(), 201);
        assert_eq!(app.clerk.stats().count("GET /v1/users/{user_id}"), 0, "the webhook had brought the row");

        app.clerk.delete_user(&user).unwrap();
        app.clerk.deliveries_settled().await;
        assert_eq!(app.get("/notes", &token).await.status(), 401);
        assert_eq!(app.add(&token, "late").await.status(), 401);
        let forged =
            app.send(Method::POST, "/clerk/webhooks", "", Some(json!({ "type": "user.created" }))).await;
        assert_eq!(forged.status(), 400);
    }
}
