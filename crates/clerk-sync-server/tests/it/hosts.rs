//! Databases as hosts give them: behind a pooler, and without the right to change the schema.

mod pooler;
mod rights;

use crate::harness::{Browser, Database, Server, Site};
use clerk_emulator::UserChange;
use std::collections::BTreeMap;

/// What is run against the database of `site`, whose schema is ready or made by the first `serve`: webhooks, a sign-up, a
/// repair of edits by hand, an import, a look at everything.
async fn everything_works(site: &Site, arguments: &[&str]) {
    let server = site.setup.serve_with(arguments).await;
    let by_webhooks = webhooks(site, &server).await;
    assert_eq!(site.database.users().await, by_webhooks);

    let mut browser = Browser::new();
    let page = browser.open(&site.page("/sign-up", &site.entrance("/"))).await;
    let fields = [("email_address", "grace@example.com"), ("first_name", "Grace")];
    let walk = browser.submit(&page.last().url, &fields, |url| site.is_app(url)).await;
    assert_eq!(walk.status(), 303, "{}", walk.trace());
    assert!(server.is_ready().await);
    let doctor = site.setup.output(&["doctor"]).await;
    assert!(doctor.contains("ok       privileges ") && doctor.contains("ok       migrations "), "{doctor}");
    server.stop().await;
    let log = server.log_text();
    assert!(!log.contains("denied") && !log.contains("prepared statement"), "{log}");

    let edit = "update users set first_name = 'Edited' where clerk_id = 'user_3'";
    site.database.run(edit).await;
    site.database.run("delete from users where clerk_id = 'user_4'").await;
    let run = async |arguments: &[&str], more: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
        site.setup.output(&arguments).await
    };
    run(&["backfill", "--parallel", "4"], arguments).await;
    run(&["reconcile"], arguments).await;
    run(&["reconcile", "--dry-run"], arguments).await;
    run(&["sync", "user_5"], arguments).await;
    for looking in [&["status"][..], &["changes"], &["dead-letters", "list"]] {
        site.setup.output(looking).await;
    }
    assert_eq!(site.setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");
    let mut expected = by_webhooks;
    let grace = site.database.users().await.into_iter().find(|(_, name)| name == "Grace");
    expected.extend(grace);
    assert_eq!(site.database.users().await, expected);
}

/// Many users are made, changed and deleted at once in Clerk. Answers who is left.
async fn webhooks(site: &Site, server: &Server) -> BTreeMap<String, String> {
    site.clerk.set_webhook_url(Some(&server.url("/clerk/webhooks"))).unwrap();
    for number in 1..=40 {
        site.user(&format!("user_{number}"));
    }
    for number in 1..=10 {
        let change = UserChange::new().first_name("Augusta");
        site.clerk.update_user(&format!("user_{number}"), change).unwrap();
    }
    for number in 36..=40 {
        site.clerk.delete_user(&format!("user_{number}")).unwrap();
    }
    site.clerk.deliveries_settled().await;
    site.clerk.set_webhook_url(None).unwrap();
    let named = |number: i32| if number <= 10 { "Augusta" } else { "Ada" };
    (1..=35).map(|number| (format!("user_{number}"), named(number).to_owned())).collect()
}

/// The tables and their columns.
async fn shape(database: &Database) -> Vec<(String, Vec<String>)> {
    let mut shape = Vec::new();
    for table in database.tables().await {
        let columns = database.columns(&table).await;
        shape.push((table, columns));
    }
    shape
}
