//! A connection that ends between any two messages to PostgreSQL or MySQL.
#![expect(clippy::unwrap_used, reason = "helpers of tests panic")]

use crate::{
    databases::{self, Database},
    proxy::{Protocol, Proxy},
    trial::{Trial, feed},
};
use clerk_sync::{
    database_url::DatabaseUrl,
    store::{self, StoreErrorKind, conformance},
};
use url::Url;

#[tokio::test]
async fn postgres_writes_the_whole_batch_or_nothing_wherever_the_connection_ends() {
    cut_everywhere(databases::postgres().await, Protocol::Postgres).await;
}

#[tokio::test]
async fn mysql_writes_the_whole_batch_or_nothing_wherever_the_connection_ends() {
    cut_everywhere(databases::mysql().await, Protocol::MySql).await;
}

async fn cut_everywhere(database: Database, protocol: Protocol) {
    let direct = &database.store;
    let url = Url::parse(&database.url).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let (mut nothing_written, mut answer_lost) = (0, 0);
    for messages in 1.. {
        assert!(messages < 500, "the commit never gets through");
        let trial = Trial::prepare(direct, &messages.to_string()).await;
        let proxy = Proxy::cutting_after(messages, protocol, server.clone()).await;
        let store = store::open(&through(&proxy, &url), conformance::mapping()).await.unwrap();
        let outcome = store.commit(&trial.batch()).await;
        store.close().await;
        drop(store);
        let passed = proxy.ended().await;
        let written = trial.is_written(direct).await;
        match outcome {
            Ok(_) => {
                assert!(written, "acknowledged after {passed} messages, and not there");
                break;
            }
            Err(error) => {
                assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "after {messages} messages: {error}");
                if written { answer_lost += 1 } else { nothing_written += 1 }
            }
        }
        trial.retry(direct).await;
    }
    // Signing in, beginning and at least one message for each of the tables; and the commit itself.
    assert!(nothing_written > 10, "{nothing_written}");
    assert!(answer_lost >= 1, "no cut fell between the commit and its answer");
    feed(direct).await;
}

/// The same database, reached through the proxy by one connection in the clear.
fn through(proxy: &Proxy, url: &Url) -> DatabaseUrl {
    let mut url = url.clone();
    url.set_ip_host(proxy.address.ip()).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();
    url.query_pairs_mut().append_pair("sslmode", "disable").append_pair("connection_limit", "1");
    DatabaseUrl::parse(url.as_str()).unwrap()
}
