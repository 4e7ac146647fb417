//! The URLs that people really have, and those that they get wrong.

mod hosts;
mod mistakes;
mod secrecy;

use ::secrecy::ExposeSecret;

use super::*;

fn server(text: &str) -> ServerTarget {
    match DatabaseUrl::parse(text) {
        Ok(DatabaseUrl::Postgres(target) | DatabaseUrl::MySql(target)) => target,
        other => panic!("{text}: {other:?}"),
    }
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.to_owned(), port }
}

fn socket(path: &str, port: u16) -> Address {
    Address::Socket { path: path.into(), port }
}

fn password(target: &ServerTarget) -> Option<&str> {
    target.password.as_ref().map(|password| password.expose_secret())
}

fn refusal(text: &str) -> String {
    match DatabaseUrl::parse(text) {
        Err(error) => error.to_string(),
        Ok(url) => panic!("{text} was accepted: {url:?}"),
    }
}

#[test]
fn reads_every_part_of_a_server_url() {
    let target = server("postgres://app:s%40cret@db.example:6000/my%2Fapp");
    assert_eq!(target.address, tcp("db.example", 6000));
    assert_eq!(target.user.as_deref(), Some("app"));
    assert_eq!(password(&target), Some("s@cret"));
    assert_eq!(target.database.as_deref(), Some("my/app"));
    assert_eq!(target.tls, Tls::default());
    assert_eq!(target.tls.mode, TlsMode::Prefer);
    assert!(target.keeps_prepared_statements());
}

#[test]
fn leaves_out_what_the_url_leaves_out() {
    let target = server("postgresql://");
    assert_eq!(target.address, tcp("localhost", 5432));
    assert_eq!((target.user, target.database), (None, None));
    assert!(target.password.is_none());
    let target = server("mysql://root:@/app");
    assert_eq!(target.address, tcp("localhost", 3306));
    assert!(target.password.is_none());
}

#[test]
fn knows_the_names_of_the_schemes() {
    for (text, engine) in [
        ("postgres://h/d", "PostgreSQL"),
        ("postgresql://h/d", "PostgreSQL"),
        ("POSTGRES://h/d", "PostgreSQL"),
        ("mysql://h/d", "MySQL"),
        ("mariadb://h/d", "MySQL"),
        ("sqlite://d.db", "SQLite"),
        ("  sqlite:d.db\n", "SQLite"),
    ] {
        assert_eq!(DatabaseUrl::parse(text).unwrap().engine_name(), engine, "{text}");
    }
}

#[test]
fn reads_ipv6_and_sockets() {
    assert_eq!(server("postgres://[::1]/d").address, tcp("::1", 5432));
    assert_eq!(server("mysql://u:p@[2001:db8::0:1]:3307/d").address, tcp("2001:db8::1", 3307));
    assert_eq!(server("postgres://%2Fvar%2Frun%2Fpostgresql/d").address, socket("/var/run/postgresql", 5432));
    assert_eq!(
        server("postgresql://u:p@localhost/d?host=/var/run/postgresql/").address,
        socket("/var/run/postgresql/", 5432)
    );
    assert_eq!(server("postgres:///d?host=/run&port=5433").address, socket("/run", 5433));
    assert_eq!(
        server("mysql://u:p@localhost/d?socket=/run/mysqld/mysqld.sock").address,
        socket("/run/mysqld/mysqld.sock", 3306)
    );
    assert_eq!(
        server("postgres://u:p@localhost/d?host=/cloudsql/project:region:instance").address,
        socket("/cloudsql/project:region:instance", 5432)
    );
    assert_eq!(server("postgres:///d?host=db.example").address, tcp("db.example", 5432));
    assert_eq!(server("postgres://u:p@clerk_db:5432/d").address, tcp("clerk_db", 5432));
}

#[test]
fn reads_sqlite_paths() {
    let file = |path: &str| SqliteTarget { location: SqliteLocation::File(path.into()), create: true };
    let memory = SqliteTarget { location: SqliteLocation::Memory, create: true };
    for (text, expected) in [
        ("sqlite://clerk-sync.db", file("clerk-sync.db")),
        ("sqlite:clerk-sync.db", file("clerk-sync.db")),
        ("sqlite://./data/app.db", file("./data/app.db")),
        ("sqlite:../app.db", file("../app.db")),
        ("sqlite:///var/lib/app.db", file("/var/lib/app.db")),
        ("sqlite:/var/lib/app.db", file("/var/lib/app.db")),
        ("sqlite:///Users/me/my app/a%25b@c#d.db", file("/Users/me/my app/a%b@c#d.db")),
        ("sqlite://app.db?mode=rwc", file("app.db")),
        ("sqlite://app.db?mode=rw", SqliteTarget { create: false, ..file("app.db") }),
        ("sqlite::memory:", memory.clone()),
        ("sqlite://:memory:", memory.clone()),
        ("sqlite://x.db?mode=memory", memory),
    ] {
        match DatabaseUrl::parse(text).unwrap() {
            DatabaseUrl::Sqlite(target) => assert_eq!(target, expected, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn prints_an_address_that_parses_again() {
    for (text, printed) in [
        ("postgresql://app:secret@db.example/app?sslmode=require", "postgres://app@db.example:5432/app"),
        ("mariadb://root@[::1]:3307/my%20app", "mysql://root@[::1]:3307/my%20app"),
        ("postgres://us%40er:secret@h", "postgres://us%40er@h:5432"),
        ("postgres://u@localhost/d?host=/var/run", "postgres://u@localhost/d?host=/var/run"),
        ("mysql://u@localhost/d?socket=/run/my.sock", "mysql://u@localhost/d?socket=/run/my.sock"),
        ("sqlite::memory:", "sqlite://:memory:"),
        ("sqlite:a%25b.db", "sqlite://a%25b.db"),
        ("sqlite:///abs/a.db", "sqlite:///abs/a.db"),
    ] {
        let url = DatabaseUrl::parse(text).unwrap();
        assert_eq!(url.to_string(), printed);
        assert_eq!(DatabaseUrl::parse(printed).unwrap().to_string(), printed);
    }
}

#[test]
fn makes_one_answer_of_all_tls_parameters() {
    use TlsMode::{Allow, Disable, Prefer, Require, VerifyCa, VerifyFull};
    for (parameters, mode) in [
        ("", Prefer),
        ("sslmode=disable", Disable),
        ("sslmode=allow", Allow),
        ("sslmode=prefer", Prefer),
        ("sslmode=require", Require),
        ("sslmode=verify-ca", VerifyCa),
        ("sslmode=verify-full", VerifyFull),
        ("ssl-mode=REQUIRED", Require),
        ("ssl_mode=VERIFY_IDENTITY", VerifyFull),
        ("ssl-mode=VERIFY_CA", VerifyCa),
        ("ssl-mode=PREFERRED", Prefer),
        ("ssl-mode=DISABLED", Disable),
        ("ssl=true", Require),
        ("ssl=false", Disable),
        ("ssl=%7B%22rejectUnauthorized%22:true%7D", VerifyFull),
        ("ssl={\"rejectUnauthorized\":false}", Require),
        ("tls=true", VerifyFull),
        ("tls=skip-verify", Require),
        ("tls=preferred", Prefer),
        ("ssl=true&sslmode=require", Require),
        ("ssl=true&sslmode=verify-full", VerifyFull),
        ("sslmode=verify-full&ssl=1", VerifyFull),
        ("sslaccept=strict", VerifyFull),
        ("sslmode=require&sslaccept=strict", VerifyFull),
        ("sslmode=verify-ca&sslaccept=strict", VerifyCa),
        ("sslaccept=accept_invalid_certs", Prefer),
        ("sslmode=require&sslaccept=accept_invalid_certs", Require),
        ("sslrootcert=/ca.pem", VerifyCa),
        ("sslmode=require&sslrootcert=/ca.pem", VerifyCa),
        ("sslmode=require&sslrootcert=/ca.pem&sslaccept=accept_invalid_certs", Require),
        ("sslmode=prefer&sslrootcert=/ca.pem", Prefer),
        ("sslrootcert=system", VerifyFull),
        ("sslmode=verify-full&sslrootcert=system", VerifyFull),
    ] {
        assert_eq!(server(&format!("mysql://u:p@h/d?{parameters}")).tls.mode, mode, "{parameters}");
    }
}

#[test]
fn tells_a_client_certificate_from_an_authority() {
    let tls = server("postgres://u:p@h/d?sslcert=/ca.pem").tls;
    assert_eq!(tls.root_certificate, Some("/ca.pem".into()));
    assert_eq!(tls.client_certificate, None);
    let tls = server("postgres://u:p@h/d?sslcert=/me.pem&sslkey=/me.key&sslrootcert=/ca.pem").tls;
    assert_eq!(tls.root_certificate, Some("/ca.pem".into()));
    let client = ClientCertificate { certificate: "/me.pem".into(), key: "/me.key".into() };
    assert_eq!(tls.client_certificate, Some(client));
    let tls = server("mysql://u:p@h/d?ssl-cert=/me.pem&ssl-key=/me.key&sslmode=require").tls;
    assert_eq!((tls.mode, tls.root_certificate), (TlsMode::Require, None));
    assert_eq!(server("postgres://u:p@h/d?sslrootcert=system").tls.root_certificate, None);
}
