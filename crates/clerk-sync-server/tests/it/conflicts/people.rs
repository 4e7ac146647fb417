//! People who come from sign-up.

use super::{change, emails, event, expected, unique, user};
use crate::harness::{Instance, Kind, Site};
use rstest::rstest;

async fn site(kind: Kind) -> Site {
    let site = Site::new(Instance::Production, kind).await;
    unique(&site.setup, &site.database).await;
    site
}

#[rstest]
#[tokio::test]
async fn who_signs_up_with_a_deleted_users_address_gets_a_row(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = site(kind).await;
    user(&site.clerk, "user_old", "ada@example.com");
    let server = site.serve().await;
    server.accept(&event(&site.clerk, "user.created", "user_old")).await;
    site.clerk.delete_user("user_old").unwrap();
    user(&site.clerk, "user_new", "ada@example.com");
    let answer = site.browser("user_new").await.ask(&site.entrance("/welcome")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("location"), Some(format!("{}/welcome", site.app).as_str()));
    assert_eq!(emails(&site.database).await, expected([("user_new", "ada@example.com")]));
    let told = site.feed().await;
    assert!(told.contains(&("user_old".to_owned(), "deleted".to_owned(), "visit".to_owned())), "{told:?}");
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn who_has_an_address_that_another_gave_up_gets_a_row(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let site = site(kind).await;
    user(&site.clerk, "user_a", "shared@example.com");
    let server = site.serve().await;
    server.accept(&event(&site.clerk, "user.created", "user_a")).await;
    change(&site.clerk, "user_a", "shared@example.com", "a@example.com");
    user(&site.clerk, "user_b", "shared@example.com");
    let answer = site.browser("user_b").await.ask(&site.entrance("/")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let now = expected([("user_a", "a@example.com"), ("user_b", "shared@example.com")]);
    assert_eq!(emails(&site.database).await, now);
    assert_eq!(site.reads(), 2);
    server.stop().await;
}
