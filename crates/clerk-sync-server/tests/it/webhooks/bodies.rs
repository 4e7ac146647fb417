//! Sizes, paces and shapes of requests.

use crate::harness::{Clerk, Connection, Database, Person, Server, Setup, head};
use std::time::Duration;

const MIB: usize = 1024 * 1024;

async fn server(database: &Database, clerk: &Clerk) -> Server {
    Setup::new(clerk, database).serve().await
}

fn chunked(body: &[u8], chunk: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in body.chunks(chunk) {
        bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_accepted_and_a_byte_more_is_not() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    server.accept(&clerk.created_of("user_largest", MIB)).await;
    let answer = server.post(&clerk.created_of("user_too_large", MIB + 1)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_largest"]);
}

#[tokio::test]
async fn who_sends_far_too_much_still_gets_to_read_the_answer() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    let huge = clerk.created_of("user_huge", 12 * MIB);
    let answer = server.post(&huge).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));

    let mut connection = Connection::open(server.address).await;
    connection.send(head(&huge, "transfer-encoding: chunked\r\n\r\n")).await;
    connection.send(chunked(&huge.body, 65_536)).await;
    let (answer, _) = connection.receive_all().await;
    assert_eq!(status(&answer), "413");
    assert!(answer.contains("connection: close"), "what is left would be read as a request: {answer}");
    assert!(database.users().await.is_empty());
}

#[tokio::test]
async fn a_body_may_come_in_chunks_or_after_a_hundred() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    for (user, chunk) in [("user_bytes", 1), ("user_parts", 100), ("user_whole", 1_000_000)] {
        let signed = clerk.created(&Person::new(user));
        let mut connection = Connection::open(server.address).await;
        connection.send(head(&signed, "transfer-encoding: chunked\r\nconnection: close\r\n\r\n")).await;
        connection.send(chunked(&signed.body, chunk)).await;
        let (answer, _) = connection.receive_all().await;
        assert_eq!(status(&answer), "200", "{user}");
    }
    let signed = clerk.created(&Person::new("user_expected"));
    let mut connection = Connection::open(server.address).await;
    let length = signed.body.len();
    connection
        .send(head(&signed, &format!("content-length: {length}\r\nexpect: 100-continue\r\n\r\n")))
        .await;
    let go_on = connection.receive_until(|text| text.contains("\r\n\r\n")).await;
    assert_eq!(status(&go_on), "100");
    connection.send(&signed.body).await;
    let answer = connection.receive_until(|text| text.contains("accepted")).await;
    assert_eq!(status(&answer), "200");
    assert_eq!(database.users().await.len(), 4);
}

#[tokio::test]
async fn requests_that_follow_each_other_on_one_connection_are_answered_in_turn() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    let mut connection = Connection::open(server.address).await;
    let mut bytes = Vec::new();
    for user in ["user_1", "user_2", "user_3"] {
        let signed = clerk.created(&Person::new(user));
        bytes.extend(head(&signed, &format!("content-length: {}\r\n\r\n", signed.body.len())).into_bytes());
        bytes.extend(&signed.body);
    }
    connection.send(bytes).await;
    let answers = connection.receive_until(|text| text.matches("accepted").count() == 3).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3);
    assert_eq!(database.users().await.len(), 3);
}

/// The limits in time are 10 s; all that wait for them wait at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slow_are_cut_off_and_hold_nobody_up() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    let signed = clerk.created(&Person::new("user_slow"));
    let length = signed.body.len();
    let slow_body = async {
        let mut connection = Connection::open(server.address).await;
        connection.send(head(&signed, &format!("content-length: {length}\r\n\r\n"))).await;
        connection.send(&signed.body[..length / 2]).await;
        connection.receive_all().await
    };
    let slow_chunks = async {
        let mut connection = Connection::open(server.address).await;
        connection.send(head(&signed, "transfer-encoding: chunked\r\n\r\n5\r\n")).await;
        connection.receive_all().await
    };
    let slow_head = async {
        let mut connection = Connection::open(server.address).await;
        connection.send("POST /clerk/webhooks HTTP/1.1\r\nhost: local").await;
        connection.receive_all().await
    };
    let silent = async { Connection::open(server.address).await.receive_all().await };
    let crowd = async {
        let mut crowd = Vec::new();
        for _ in 0..100 {
            let mut connection = Connection::open(server.address).await;
            connection.send("POST /clerk/webhooks HTTP/1.1\r\n").await;
            crowd.push(connection);
        }
        server.accept(&clerk.created(&Person::new("user_quick"))).await;
        assert_eq!(server.get("/healthz").await.status, 200);
    };
    let (slow_body, slow_chunks, slow_head, silent, ()) =
        tokio::join!(slow_body, slow_chunks, slow_head, silent, crowd);
    for (answer, took) in [&slow_body, &slow_chunks] {
        assert_eq!(status(answer), "408", "{answer}");
        assert!(answer.contains("body_too_slow"), "{answer}");
        assert!(*took < Duration::from_secs(20), "{took:?}");
    }
    for (answer, took) in [&slow_head, &silent] {
        assert!(answer.is_empty() || status(answer) == "408", "{answer}");
        assert!(*took < Duration::from_secs(20), "{took:?}");
    }
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_quick"]);
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_hurts_nobody() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = server(&database, &clerk).await;
    let many_headers: String = (0..500).map(|number| format!("x-{number}: y\r\n")).collect();
    let long_header = format!("x: {}\r\n", "y".repeat(200_000));
    let requests: [(String, &str); 8] = [
        ("hello\r\n\r\n".to_owned(), "400"),
        ("POST\r\n\r\n".to_owned(), "400"),
        ("POST /clerk/webhooks HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(), "400"),
        ("POST /clerk/webhooks HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(), "400"),
        (
            "POST /clerk/webhooks HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            "400",
        ),
        (format!("POST /clerk/webhooks HTTP/1.1\r\nhost: x\r\n{many_headers}\r\n"), "431"),
        (format!("POST /clerk/webhooks HTTP/1.1\r\nhost: x\r\n{long_header}\r\n"), "431"),
    ];
    for (request, expected) in requests {
        let mut connection = Connection::open(server.address).await;
        connection.send(&request).await;
        let (answer, _) = connection.receive_all().await;
        let shown: String = request.chars().take(70).collect();
        assert_eq!(status(&answer), expected, "{shown:?}");
    }
    // A body that breaks off.
    let signed = clerk.created(&Person::new("user_broken"));
    let mut connection = Connection::open(server.address).await;
    connection.send(head(&signed, "transfer-encoding: chunked\r\n\r\nZZ\r\n")).await;
    let (answer, _) = connection.receive_all().await;
    assert_eq!(status(&answer), "400");
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_ada"]);
}
