//! PgBouncer in transaction mode: no statement may count on the session of the one before it.

use super::everything_works;
use crate::harness::{Clerk, Database, Instance, Person, Setup, Site, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_through_pgbouncer() {
    let site = Site::with(Instance::Development, Database::behind_pgbouncer().await, |_| {}).await;
    everything_works(&site, &[]).await;
}

/// More processes with more connections than the pooler has to the server, and what one writes the others hear of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_few_sessions_of_a_pooler() {
    let (clerk, database) = (Clerk::start().await, Database::behind_pgbouncer().await);
    let setup = Setup::new(&clerk, &database);
    let servers = [setup.serve().await, setup.serve().await, setup.serve().await];
    let people: Vec<Person> = (0..60).map(|number| Person::new(&format!("user_{number}"))).collect();
    let posts = people.iter().enumerate().map(|(number, person)| {
        let (server, event) = (&servers[number % servers.len()], clerk.created(person));
        async move { server.accept(&event).await }
    });
    futures_util::future::join_all(posts).await;
    assert_eq!(database.users().await.len(), 60);
    assert_eq!(database.feed().await.len(), 60);
    for server in &servers {
        eventually("readiness through the pooler", async || server.is_ready().await).await;
        server.stop().await;
    }
}

/// A pooler that the URL does not tell of hands out sessions in which others have prepared their statements.
#[tokio::test]
async fn a_pooler_that_nobody_told_of_is_suggested() {
    let (clerk, database) = (Clerk::start().await, Database::behind_pgbouncer().await);
    let setup = Setup::new(&clerk, &database);
    setup.output(&["migrate"]).await;
    let untold = setup.set("DATABASE_URL", &database.url.replace("&pgbouncer=true", ""));
    // Other sessions only lack the schema's path, which fails too, and says what is missing.
    eventually("a session in which another process prepared its statements", async || {
        let finished = untold.run(&["status"]).await;
        finished.code == Some(1) && finished.err.contains("add pgbouncer=true to DATABASE_URL")
    })
    .await;
}
