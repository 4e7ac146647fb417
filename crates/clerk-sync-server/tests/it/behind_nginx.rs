//! Behind nginx, set up word for word as docs/operations.md says.

use crate::harness::{
    Answer, Clerk, Connection, Database, Nginx, Person, Server, Setup, Signed, client, post,
};

const MIB: usize = 1024 * 1024;

struct Scene {
    clerk: Clerk,
    database: Database,
    server: Server,
    nginx: Nginx,
    http: reqwest::Client,
}

impl Scene {
    async fn start() -> Self {
        let (clerk, database) = (Clerk::start().await, Database::sqlite());
        let server = Setup::new(&clerk, &database).serve().await;
        let nginx = Nginx::before(server.address).await;
        Self { clerk, database, server, nginx, http: client() }
    }

    async fn post(&self, signed: &Signed) -> Answer {
        let url = format!("http://{}/clerk/webhooks", self.nginx.address);
        post(&self.http, &url, signed).await.expect("an answer")
    }

    async fn users(&self) -> Vec<String> {
        self.database.users().await.into_keys().collect()
    }
}

#[tokio::test]
async fn webhooks_arrive_unchanged_and_their_answers_return() {
    let scene = Scene::start().await;
    let ada = Person::new("user_ada");
    let answer = scene.post(&scene.clerk.created(&ada)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(scene.database.first_name("user_ada").await.as_deref(), Some("Ada"));
    assert!(answer.header("server").is_some_and(|server| server.starts_with("nginx")), "{answer:?}");

    let forged = scene.clerk.updated(&ada.then("Eve")).with_header("svix-signature", "v1,AAAA");
    let answer = scene.post(&forged).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_signature"));
    assert_eq!(scene.database.first_name("user_ada").await.as_deref(), Some("Ada"));
}

#[tokio::test]
async fn bodies_of_one_mebibyte_pass_and_larger_ones_do_not() {
    let scene = Scene::start().await;
    let answer = scene.post(&scene.clerk.created_of("user_largest", MIB)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for size in [MIB + 1, 12 * MIB] {
        let answer = scene.post(&scene.clerk.created_of("user_too_large", size)).await;
        assert_eq!(answer.status, 413, "{size}");
    }
    assert_eq!(scene.users().await, ["user_largest"]);
}

#[tokio::test]
async fn nothing_else_is_reachable_through_it() {
    let scene = Scene::start().await;
    let admin = scene.server.admin().await;
    assert!(scene.server.metrics().await.contains("clerk_sync_"), "it is there, for who asks directly");
    let absolute = format!("http://{admin}/metrics");
    for target in [
        "/metrics",
        "/clerk/webhooks/metrics",
        "/clerk/webhooks/../../metrics",
        "/clerk/webhooks%2f..%2f..%2fmetrics",
        absolute.as_str(),
        "/healthz",
        "/clerk/verify",
        "/readyz",
    ] {
        for host in [scene.nginx.address, scene.server.address, admin] {
            let mut connection = Connection::open(scene.nginx.address).await;
            connection
                .send(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"))
                .await;
            let (answer, _) = connection.receive_all().await;
            assert!(answer.starts_with("HTTP/1.1 404 "), "{target} of {host}: {answer}");
            // Its own page: clerk-sync was not even asked.
            assert!(answer.contains("<center>nginx"), "{target} of {host}: {answer}");
        }
    }
}
