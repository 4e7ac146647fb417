//! Many first requests of one person at the same moment, and their webhook between them.

use crate::harness::{Instance, Kind, Server, Signed, Site, client};
use clerk_emulator::{Fault, FaultKind};
use futures_util::future::join_all;
use rstest::rstest;

const REQUESTS: usize = 20;

/// The event that Clerk would send about a user as it stands.
fn webhook(site: &Site, user: &str) -> Signed {
    let data = site.clerk.user(user).unwrap();
    let moment = data["updated_at"].as_i64().unwrap();
    Signed::new(&format!("msg_{user}"), site.clerk.event_at("user.created", &data, moment).to_string())
}

async fn come(site: &Site, servers: &[&Server], user: &str) -> Vec<(String, u16)> {
    let token = site.token(user).await;
    let (http, event) = (client(), webhook(site, user));
    let requests = (0..REQUESTS).map(|number| {
        let path = ["/clerk/after-sign-up", "/clerk/verify", "/clerk/me"][number % 3];
        let server = servers[number / 3 % servers.len()];
        let request =
            http.get(server.url(path)).header("cookie", format!("__client_uat=1; __session={token}"));
        async move { (format!("{number} {path}"), request.send().await.unwrap().status().as_u16()) }
    });
    let events =
        servers.iter().map(|server| async { ("webhook".to_owned(), server.post(&event).await.status) });
    let (mut answers, events) = tokio::join!(join_all(requests), join_all(events));
    answers.extend(events);
    answers
}

#[rstest]
#[case::two_replicas(Kind::Postgres, 2)]
#[case::two_replicas(Kind::Mysql, 2)]
#[case::alone(Kind::Mysql, 1)]
#[case::alone(Kind::Sqlite, 1)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_requests_of_a_person_come_all_at_once(#[case] kind: Kind, #[case] replicas: u64) {
    let site = Site::new(Instance::Production, kind).await;
    let first = site.serve().await;
    let second = if replicas == 2 { Some(site.serve_beside().await) } else { None };
    let servers: Vec<&Server> = std::iter::once(&first).chain(&second).collect();
    for round in 0..5 {
        let user = format!("user_{round}");
        site.user(&user);
        let before = site.reads();
        if round == 3 {
            // From here on everyone waits for the same slow read.
            site.clerk.add_fault(Fault::new(FaultKind::ApiLatency { ms: 400 }).path("/v1/users/"));
        }
        for (what, status) in come(&site, &servers, &user).await {
            let expected = if what.contains("after-sign-up") { 303 } else { 200 };
            assert_eq!(status, expected, "round {round}, {what}");
        }
        let reads = site.reads() - before;
        assert!(reads <= replicas, "round {round}: {reads} reads by {replicas} processes");
        let entries: Vec<_> = site.feed().await.into_iter().filter(|(id, ..)| *id == user).collect();
        let created = entries.iter().filter(|(_, change, _)| change == "created").count();
        assert_eq!(created, 1, "{entries:?}");
        assert_eq!(site.database.users().await.len(), round + 1);
    }
    assert_eq!(site.database.letters().await, 0);
    for server in servers {
        server.stop().await;
    }
}

/// A person who reloads again and again costs next to nothing at Clerk.
#[tokio::test]
async fn reloading_spends_no_budget() {
    let site = Site::new(Instance::Production, Kind::Sqlite).await;
    site.user("user_ada");
    let server = site.serve().await;
    let mut browser = site.browser("user_ada").await;
    for _ in 0..50 {
        assert_eq!(browser.ask(&site.entrance("/")).await.status, 303);
    }
    assert!(site.reads() <= 2, "{} reads", site.reads());
    server.stop().await;
}
