//! What people notice of a row that waits: that they are deleted, and that their address is free.

use super::{HOUR, all_due, pending, served_until};
use crate::harness::{Answer, Instance, Kind, Server, Signed, Site, now_ms};
use clerk_emulator::NewUser;
use rstest::rstest;

const UNIQUE: &str = "create unique index users_by_email on users (email)";

/// A user who has been in Clerk for an hour, and whose event comes.
async fn signs_up(site: &Site, server: &Server, id: &str, email: &str) {
    let made = now_ms() - 3_600_000;
    let user = NewUser::new().id(id).email(email).first_name(id).created_at(made).updated_at(made);
    site.clerk.create_user(user).unwrap();
    let event = site.clerk.event("user.created", &site.clerk.user(id).expect("a user"));
    server.accept(&Signed::new(&format!("msg_{id}"), event.to_string())).await;
}

async fn leaves(site: &Site, server: &Server, id: &str) {
    site.clerk.delete_user(id).unwrap();
    server.accept(&site.clerk.deleted(id, now_ms())).await;
}

async fn ask(server: &Server, token: &str) -> Answer {
    let described = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-uri", "/"),
    ];
    let bearer = format!("Bearer {token}");
    let headers: Vec<_> = described.into_iter().chain([("authorization", &*bearer)]).collect();
    server.get_with("/clerk/verify", &headers).await
}

async fn site(kind: Kind, config: &str) -> Site {
    let mut site = Site::new(Instance::Development, kind).await;
    // Nobody comes through a page, and whoever is restarted need not find the old port free.
    site.setup = site.setup.clone().config(config).set("CLERK_SYNC_LISTEN", "127.0.0.1:0");
    site
}

#[rstest]
#[tokio::test]
async fn who_is_deleted_does_not_pass_though_the_row_waits(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = site(kind, HOUR).await;
    let server = site.serve().await;
    signs_up(&site, &server, "user_ada", "ada@example.com").await;
    let token = site.token("user_ada").await;
    assert_eq!(ask(&server, &token).await.status, 200);
    leaves(&site, &server, "user_ada").await;
    for _ in 0..2 {
        let answer = ask(&server, &token).await;
        assert_eq!((answer.status, answer.header("x-clerk-auth-reason")), (401, Some("user-deleted")));
    }
    assert_eq!(site.database.users().await.len(), 1);
    assert_eq!(site.database.feed().await[1], ("user_ada".to_owned(), "deleted".to_owned()));
    server.stop().await;

    // Nothing of it is forgotten by another process, and nothing differs to it.
    let server = site.serve().await;
    let answer = ask(&server, &token).await;
    assert_eq!((answer.status, answer.header("x-clerk-auth-reason")), (401, Some("user-deleted")));
    let dry = site.setup.run(&["reconcile", "--dry-run"]).await;
    assert_eq!((dry.code, dry.out.contains("user_")), (Some(0), false), "{dry:?}");
    server.stop().await;
    all_due(&site.database).await;
    served_until(&site.setup, "the row is gone", async || site.database.users().await.is_empty()).await;
}

#[rstest]
#[tokio::test]
async fn a_deleted_users_address_signs_up_again_before_the_row_is_gone(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = site(kind, HOUR).await;
    site.setup.output(&["migrate"]).await;
    site.database.run(UNIQUE).await;
    let server = site.serve().await;
    signs_up(&site, &server, "user_old", "ada@example.com").await;
    leaves(&site, &server, "user_old").await;
    signs_up(&site, &server, "user_new", "ada@example.com").await;
    let emails = async || site.database.select(&["clerk_id", "email"], "from users order by clerk_id").await;
    let row = |id: &str, email: Option<&str>| vec![Some(id.to_owned()), email.map(str::to_owned)];
    assert_eq!(emails().await, [row("user_new", Some("ada@example.com")), row("user_old", None)]);
    assert_eq!((site.database.letters().await, pending(&site.database).await), (0, 1));
    server.stop().await;

    // Also where the old row's deletion was cancelled, and nothing is held back any more.
    site.setup.output(&["deletions", "cancel", "user_old"]).await;
    site.database.run("update users set email = 'bob@example.com' where clerk_id = 'user_old'").await;
    let setup = site.setup.clone().config("");
    let server = setup.serve().await;
    signs_up(&site, &server, "user_bob", "bob@example.com").await;
    assert_eq!(emails().await[0], row("user_bob", Some("bob@example.com")));
    assert_eq!(emails().await[2], row("user_old", None));
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn an_operator_brings_somebody_back(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let marking = "[users]\ndelete_after = \"1h\"\ndeleted_at = \"removed\"\n";
    let site = site(kind, marking).await;
    let server = site.serve().await;
    signs_up(&site, &server, "user_ada", "ada@example.com").await;
    // Somebody else's event of a deletion that Clerk knows nothing of.
    server.accept(&site.clerk.deleted("user_ada", now_ms())).await;
    let marked = "count(*) from users where removed is not null";
    assert_eq!((site.database.number(marked).await, pending(&site.database).await), (1, 1));
    let forced = site.setup.run(&["sync", "user_ada", "--force"]).await;
    assert_eq!(forced.code, Some(0), "{forced:?}");
    assert_eq!((site.database.number(marked).await, pending(&site.database).await), (0, 0));
    server.stop().await;
}
