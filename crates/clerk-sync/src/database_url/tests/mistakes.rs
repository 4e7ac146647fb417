//! What is refused, and that the sentence says what to do.

use super::*;

#[test]
fn nothing_like_a_url() {
    for (text, says) in [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("\"postgres://h/d\"", "quotation mark"),
        ("'sqlite://x'", "quotation mark"),
        ("clerk-sync.db", "must begin with postgres://"),
        ("localhost:5432/app", "must begin with postgres://"),
        ("user:hunter2@host/app", "must begin with postgres://"),
        ("postgres:u:p@h/d", "must begin with postgres://"),
        ("://h", "must begin with postgres://"),
        ("postgres://h/\nd", "line break"),
        ("postgres://h/my db", "write it as %20"),
    ] {
        assert!(refusal(text).contains(says), "{text:?}: {}", refusal(text));
    }
}

#[test]
fn schemes_of_other_tools() {
    for (text, says) in [
        ("file:./dev.db", "begins with file: is not supported: write sqlite://./dev.db (relative"),
        ("file:/var/dev.db?connection_limit=1", "write sqlite:///var/dev.db"),
        ("file:dev db", "write sqlite://path/to/file.db"),
        ("prisma+postgres://accelerate.prisma-data.net/?api_key=hunter2", "DIRECT_URL"),
        ("prisma://x/?api_key=hunter2", "DIRECT_URL"),
        ("jdbc:postgresql://h/d?user=u&password=hunter2", "remove the leading `jdbc:`"),
        ("postgresql+psycopg2://u:hunter2@h/d", "without the driver's name"),
        ("mysql+pymysql://u:hunter2@h/d", "write mysql://"),
        ("mysql2://u:hunter2@h/d", "write mysql://"),
        ("sqlite3:dev.db", "write sqlite://"),
        ("mongodb+srv://u:hunter2@h/d", "begins with mongodb+srv: is not supported: use postgres://"),
        ("libsql://x.turso.io?authToken=hunter2", "remote libSQL is not supported"),
    ] {
        let sentence = refusal(text);
        assert!(sentence.contains(says), "{text}: {sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn passwords_that_need_encoding() {
    for text in [
        "postgres://u:hunt@er2@h:5432/d",
        "postgres://u:hunt#er2@h:5432/d",
        "postgres://u:hunt/er2@h:5432/d",
        "postgres://u:hunt?er2@h:5432/d",
        "postgres://u:hunt?er=2&sslmod=x@h:5432/d",
        "postgres://u:hunter2@h:5432/d#x",
        "mysql://u:/@h/d",
    ] {
        assert!(refusal(text).contains("@ as %40, # as %23, / as %2F"), "{text}: {}", refusal(text));
    }
    for text in
        ["postgres://u:100%@h/d", "postgres://u:%zz@h/d", "postgres://u:%4@h/d", "postgres://u:%ff@h/d"]
    {
        assert!(refusal(text).contains("write a plain % as %25"), "{text}: {}", refusal(text));
    }
    // These need none.
    assert_eq!(password(&server("postgres://u:a:b!$&'()*+,;=[]|^{}@h/d")), Some("a:b!$&'()*+,;=[]|^{}"));
}

#[test]
fn hosts_and_ports() {
    for text in [
        "postgres://u:p@::1/d",
        "postgres://u:p@[::1/d",
        "postgres://u:p@[::1]x/d",
        "postgres://u:p@[fe80::1%25eth0]/d",
        "postgres://u:p@[]/d",
        "postgres://u:p@h%20x/d",
        "postgres://u:p@-h/d",
        "postgres://u:p@bücher.example/d",
        "postgres://u:p@h]/d",
    ] {
        assert!(refusal(text).contains("is not a host name or an IP address"), "{text}: {}", refusal(text));
    }
    for port in ["0", "65536", "abc", "-1", "+5", "99999999999999999999"] {
        let text = format!("postgres://u:p@h:{port}/d");
        assert!(refusal(&text).contains("1 to 65535"), "{text}: {}", refusal(&text));
    }
    assert!(refusal("postgres://u:p@a:1,b:2/d").contains("several hosts"));
    assert!(refusal("postgres://u:p@h/a/b").contains("write it as %2F"));
    assert!(refusal("mysql://u:p@h").contains("names no database"));
    assert!(refusal("postgres://u%00x:p@h/d").contains("user name in the database URL contains a control"));
    assert!(refusal("postgres://u:p%00@h/d").contains("password in the database URL contains a control"));
    assert!(
        refusal("postgres://u:p@h/d%0a").contains("database name in the database URL contains a control")
    );
}

#[test]
fn parameters() {
    for (parameters, says) in [
        ("sslmod=require", "unknown parameter `sslmod` in the database URL: did you mean `sslmode`?"),
        ("connectionLimit=5", "did you mean `connection_limit`?"),
        ("frobnicate=1", "unknown parameter `frobnicate` in the database URL: leave it out"),
        ("=1", "unknown parameter (its name is empty"),
        ("a%20b=1", "unknown parameter (its name is empty"),
        ("sslmode=hunter2", "`sslmode` in the database URL must be `disable`"),
        ("sslmode", "`sslmode` in the database URL must be `disable`"),
        ("sslaccept=yes", "must be `strict` or"),
        ("ssl=maybe", "must be `true` or `false`"),
        ("sslidentity=/x.p12", "convert the file to PEM"),
        ("sslpassword=hunter2", "convert the file to PEM"),
        ("password=hunter2", "write the password before the host"),
        ("sslkey=/k", "has `sslkey` without `sslcert`"),
        ("sslcert=/c&sslrootcert=/r", "has `sslcert` without `sslkey`"),
        ("sslmode=require&sslmode=require", "`sslmode` is in the database URL more than once"),
        ("sslmode=require&ssl-mode=disable", "`sslmode` and `ssl-mode` in the database URL contradict"),
        ("sslmode=disable&ssl=true", "`sslmode` and `ssl` in the database URL contradict"),
        ("sslmode=disable&sslaccept=strict", "`sslmode` and `sslaccept` in the database URL contradict"),
        ("sslmode=verify-full&sslaccept=accept_invalid_certs", "contradict"),
        ("sslmode=require&sslrootcert=system", "`sslmode` and `sslrootcert` in the database URL contradict"),
        ("connection_limit=0", "from 1 to 10000"),
        ("connection_limit=many", "from 1 to 10000"),
        ("connect_timeout=-1", "seconds from 0"),
        ("pool_timeout=1.5", "seconds from 0"),
        ("socket_timeout=99999999999999999999999", "seconds from 0"),
        ("statement_cache_size=x", "statements from 0"),
        ("pgbouncer=yes", "`true` or `false`"),
        ("schema=", "the name of a schema"),
        ("schema=a%22b", "the name of a schema"),
        ("schema=a&options=-csearch_path%3Db", "`schema` and `options` in the database URL contradict"),
        ("options=endpoint", "`endpoint=name` (Neon)"),
        ("options=-c", "`endpoint=name` (Neon)"),
        ("options=-c%20x", "`endpoint=name` (Neon)"),
        ("channel_binding=on", "`disable`, `prefer` or `require`"),
        ("gssencmode=require", "`disable` or `prefer`"),
        ("target_session_attrs=read-only", "`any`, `read-write` or `primary`"),
        ("application_name=", "more than nothing"),
        ("socket=relative", "an absolute path"),
        ("charset=utf8mb4", "`charset` is of no use with PostgreSQL"),
        ("application_name=%0d", "contains a control character"),
        ("application_name=%", "write a plain % as %25"),
    ] {
        let sentence = refusal(&format!("postgres://u:p@h/d?{parameters}"));
        assert!(sentence.contains(says), "{parameters}: {sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
    for (parameters, says) in [
        (
            "schema=app",
            "of no use with MySQL: leave it out of the database URL (MySQL's schema is the database",
        ),
        ("pgbouncer=true", "`pgbouncer` is of no use with MySQL"),
        ("charset=latin1", "must be `utf8mb4`"),
        ("collation=latin1_bin", "a collation of utf8mb4"),
        ("timezone=Europe/Berlin", "must be `UTC`"),
        ("tls=maybe", "`skip-verify`"),
    ] {
        let sentence = refusal(&format!("mysql://u:p@h/d?{parameters}"));
        assert!(sentence.contains(says), "{parameters}: {sentence}");
    }
}

#[test]
fn sqlite() {
    for (text, says) in [
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite://data/", "add the file's name"),
        ("sqlite://~/x.db", "not expanded"),
        ("sqlite://x.db?mode=ro", "is written to"),
        ("sqlite://x.db?mode=x", "`rwc`"),
        ("sqlite://x.db?cache=shared", "unknown parameter `cache`"),
        ("sqlite://x%00.db", "control character"),
        ("sqlite://x%.db", "write a plain % as %25"),
    ] {
        assert!(refusal(text).contains(says), "{text}: {}", refusal(text));
    }
}
