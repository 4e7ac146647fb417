//! Which Clerk instance a database belongs to.

use crate::harness::{Clerk, Database, Kind, Person, Setup};
use rstest::rstest;

const ROTATED: &str = "sk_test_rotatedrotatedrotated";

#[rstest]
#[tokio::test]
async fn the_key_of_another_instance_is_refused_before_anything_is_written(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    server.stop().await;
    let before = database.dump().await;

    let other = Clerk::start_with(|config| {
        config.instance_id = "ins_other".to_owned();
        config.secret_key = "sk_test_ofanother".to_owned();
    })
    .await;
    let setup = Setup::new(&other, &database);
    for arguments in [&["serve"][..], &["sync", "user_ada"], &["dead-letters", "replay", "1"]] {
        let finished = setup.run(arguments).await;
        assert_eq!(finished.code, Some(1), "{arguments:?}: {finished:?}");
        let last = finished.err.lines().last().unwrap();
        let bound = &clerk.config().instance_id;
        assert_eq!(
            last,
            format!(
                "clerk-sync: this database mirrors the Clerk instance {bound}, and CLERK_SECRET_KEY belongs to \
                 ins_other: set the key of {bound}, or use another database"
            ),
            "{arguments:?}"
        );
        assert!(!finished.err.contains("taking webhooks"), "{finished:?}");
    }
    assert_eq!(database.dump().await, before);
}

#[tokio::test]
async fn a_rotated_key_of_the_same_instance_is_accepted() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    server.stop().await;

    let rotated = Clerk::start_with(|config| config.secret_key = ROTATED.to_owned()).await;
    assert_eq!(rotated.config().instance_id, clerk.config().instance_id);
    let setup = Setup::new(&rotated, &database);
    let server = setup.serve().await;
    server.accept(&rotated.updated(&Person::new("user_ada").then("Augusta"))).await;
    server.stop().await;

    // From now on the new key is known, and Clerk need not be asked.
    rotated.stop().await;
    let server = setup.serve().await;
    server.accept(&clerk.created(&Person::new("user_bob"))).await;
    server.stop().await;
}

#[rstest]
#[tokio::test]
async fn once_bound_it_starts_and_works_though_clerk_is_away(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    let ada = Person::new("user_ada");
    server.accept(&clerk.created(&ada)).await;
    server.stop().await;
    let (update, deletion) =
        (clerk.updated(&ada.then("Augusta")), clerk.deleted("user_ada", ada.updated_at + 9_000));
    let other = clerk.created(&Person::new("user_bob"));
    clerk.stop().await;

    let server = setup.serve().await;
    assert!(server.is_ready().await);
    server.accept(&update).await;
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Augusta"));
    server.accept(&deletion).await;
    server.accept(&other).await;
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_bob"]);
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_clerk_refuses_ends_the_start() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let finished =
        Setup::new(&clerk, &database).set("CLERK_SECRET_KEY", "sk_test_wrong").run(&["serve"]).await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.err.contains("Clerk does not accept CLERK_SECRET_KEY"), "{finished:?}");
}
