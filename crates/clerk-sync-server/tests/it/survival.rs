//! Nothing acknowledged is lost: by a kill at any moment, or by a database that goes away.

use crate::harness::{Clerk, Database, Kind, Load, OwnPostgres, Random, Setup, eventually, pass};
use rstest::rstest;
use std::time::Duration;

#[rstest]
#[case::on_sqlite(Kind::Sqlite, 12)]
#[case::on_postgres(Kind::Postgres, 12)]
#[case::on_mysql(Kind::Mysql, 6)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_survives_kills_at_random_moments(#[case] kind: Kind, #[case] kills: u32) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let load = Load::start(clerk);
    let mut random = Random(0x5eed + u64::from(kills));
    for round in 0..kills {
        let server = setup.serve().await;
        load.aim(Some(server.address));
        // The first rounds may end before anything was acknowledged; the others are hit in full swing.
        if round >= 2 {
            load.more(40).await;
        }
        pass(Duration::from_millis(random.below(300))).await;
        server.kill().await;
        load.aim(None);
        if round == kills / 2 {
            database.feed().await;
        }
    }
    let server = setup.serve().await;
    load.aim(Some(server.address));
    load.more(40).await;
    load.aim(None);
    assert!(load.acknowledged() > u64::from(kills) * 40);
    load.check(&database).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_survives_a_database_that_stops_and_starts() {
    let mut postgres = OwnPostgres::start().await;
    let (clerk, database) = (Clerk::start().await, Database::postgres_on(&postgres.url()).await);
    let probe = clerk.deleted("user_probe", 1_700_000_000_000);
    // A refused connection is tried again for so long before an event is turned away.
    let url = format!("{}&pool_timeout=1", database.url);
    let setup = Setup::new(&clerk, &database).set("DATABASE_URL", &url);
    let load = Load::start(clerk);
    let server = setup.serve().await;
    load.aim(Some(server.address));
    for signal in ["INT", "QUIT", "INT", "QUIT"] {
        load.more(150).await;
        postgres.down(signal).await;
        let refused = load.refused();
        let (answer, ready) = tokio::join!(server.post(&probe), server.is_ready());
        assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"), "{answer:?}");
        assert!(answer.retry_after() > 0);
        assert!(!ready);
        eventually("senders that are told to come back", async || load.refused() > refused).await;
        postgres.up().await;
        server.ready().await;
    }
    load.more(150).await;
    load.aim(None);
    load.check(&database).await;
    server.stop().await;
}
