//! URLs as hosts and ORMs hand them out.

use std::time::Duration;

use super::*;

#[test]
fn prisma() {
    let target = server(
        "postgresql://janedoe:mypassword@localhost:5432/mydb?schema=sample&connection_limit=5&pool_timeout=20\
         &connect_timeout=0&socket_timeout=30&application_name=my%20app&statement_cache_size=0",
    );
    assert_eq!(target.search_path, ["sample"]);
    assert_eq!(target.connection_limit, Some(5));
    assert_eq!(target.pool_timeout, Some(Duration::from_secs(20)));
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(86_400)));
    assert_eq!(target.socket_timeout, Some(Duration::from_secs(30)));
    assert_eq!(target.application_name.as_deref(), Some("my app"));
    assert!(!target.keeps_prepared_statements());
    assert!(!target.transaction_pooler);
}

#[test]
fn prisma_behind_pgbouncer() {
    let target = server("postgresql://u:p@pgbouncer:6432/d?pgbouncer=true");
    assert!(target.transaction_pooler && !target.keeps_prepared_statements());
}

#[test]
fn neon() {
    let direct = server(
        "postgresql://neondb_owner:npg_AbC1@ep-cool-name-123456.us-east-2.aws.neon.tech/neondb\
         ?sslmode=require&channel_binding=require",
    );
    assert_eq!(direct.tls.mode, TlsMode::Require);
    assert!(!direct.transaction_pooler);
    assert_eq!(direct.notes.len(), 1);
    let pooled = server(
        "postgresql://alex:AbC123dEf@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/dbname\
         ?sslmode=require&options=endpoint%3Dep-cool-darkness-a1b2c3d4&channel_binding=prefer",
    );
    assert!(pooled.transaction_pooler);
    assert_eq!(pooled.endpoint.as_deref(), Some("ep-cool-darkness-a1b2c3d4"));
    assert!(pooled.notes.is_empty());
    // Neon's own words for it before `endpoint`.
    assert_eq!(
        server("postgres://u:p@h.neon.tech/d?options=project%3Dold-name").endpoint.as_deref(),
        Some("old-name")
    );
}

#[test]
fn supabase() {
    let direct = server("postgresql://postgres:pw@db.abcdefghijklmnopqrst.supabase.co:5432/postgres");
    assert!(!direct.transaction_pooler);
    let session = server(
        "postgres://postgres.abcdefghijklmnopqrst:pw@aws-0-eu-west-1.pooler.supabase.com:5432/postgres",
    );
    assert_eq!(session.user.as_deref(), Some("postgres.abcdefghijklmnopqrst"));
    assert!(!session.transaction_pooler);
    let transaction = server(
        "postgres://postgres.abcdefghijklmnopqrst:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres\
         ?sslmode=require&supa=base-pooler.x",
    );
    assert!(transaction.transaction_pooler);
    let for_prisma =
        server("postgres://u:pw@aws-0-eu-west-1.pooler.supabase.com:6543/postgres?pgbouncer=true");
    assert!(for_prisma.transaction_pooler);
    let overridden = server("postgres://u:pw@db.example:6543/postgres?pgbouncer=false");
    assert!(!overridden.transaction_pooler);
}

#[test]
fn planetscale() {
    let prisma = server("mysql://k3y:pscale_pw_secret@aws.connect.psdb.cloud/my-db?sslaccept=strict");
    assert_eq!(prisma.tls.mode, TlsMode::VerifyFull);
    assert_eq!(prisma.address, tcp("aws.connect.psdb.cloud", 3306));
    assert_eq!(prisma.database.as_deref(), Some("my-db"));
    let node = server("mysql://k:pscale_pw_x@aws.connect.psdb.cloud/d?ssl={\"rejectUnauthorized\":true}");
    assert_eq!(node.tls.mode, TlsMode::VerifyFull);
    let rails = server(
        "mysql://k:p@aws.connect.psdb.cloud/d?ssl_mode=VERIFY_IDENTITY&sslca=/etc/ssl/certs/ca-certificates.crt",
    );
    assert_eq!(rails.tls.mode, TlsMode::VerifyFull);
    assert_eq!(rails.tls.root_certificate, Some("/etc/ssl/certs/ca-certificates.crt".into()));
}

#[test]
fn railway_heroku_rds_and_others() {
    let railway = server("postgresql://postgres:AbCdEf@roundhouse.proxy.rlwy.net:41234/railway");
    assert_eq!(railway.address, tcp("roundhouse.proxy.rlwy.net", 41234));
    let railway = server("mysql://root:AbC@containers-us-west-12.railway.app:7412/railway");
    assert_eq!(railway.address, tcp("containers-us-west-12.railway.app", 7412));
    let heroku = server(
        "postgres://uabcdefghijklm:p0123456789abcdef@ec2-3-210-0-1.compute-1.amazonaws.com:5432/d0abcdefg?ssl=true",
    );
    assert_eq!(heroku.tls.mode, TlsMode::Require);
    let rds = server(
        "postgres://admin:pw@app.abcdefgh.eu-central-1.rds.amazonaws.com:5432/app\
         ?sslmode=verify-full&sslrootcert=/certs/global-bundle.pem&target_session_attrs=read-write",
    );
    assert_eq!(rds.tls.mode, TlsMode::VerifyFull);
    assert!(rds.writable_only);
    let digital_ocean =
        server("mysql://doadmin:AVNS_x@db.b.db.ondigitalocean.com:25060/defaultdb?ssl-mode=REQUIRED");
    assert_eq!(digital_ocean.tls.mode, TlsMode::Require);
    let azure =
        server("postgres://app%40server:pw@server.postgres.database.azure.com/app?gssencmode=disable");
    assert_eq!(azure.user.as_deref(), Some("app@server"));
    let libpq = server("postgresql:///mydb?host=localhost&port=5433&user=other&dbname=real");
    assert_eq!(libpq.address, tcp("localhost", 5433));
    assert_eq!((libpq.user.as_deref(), libpq.database.as_deref()), (Some("other"), Some("real")));
}

#[test]
fn server_settings_from_options() {
    let target =
        server("postgres://u:p@h/d?options=-c%20search_path%3Dapp,public%20-c%20statement_timeout%3D5s");
    assert_eq!(target.search_path, ["app", "public"]);
    assert_eq!(target.server_settings, [("statement_timeout".to_owned(), "5s".to_owned())]);
    let target =
        server("postgres://u:p@h/d?options=--lock-timeout%3D1s%20-cwork_mem=1MB%20-c%20a.b=x%5C%20y");
    let settings = [("lock_timeout", "1s"), ("work_mem", "1MB"), ("a.b", "x y")];
    assert_eq!(target.server_settings, settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(server("postgres://h/d?options=-csearch_path=%22$user%22,app").search_path, ["$user", "app"]);
    assert_eq!(server("postgres://h/d?schema=app&options=-csearch_path%3Dapp").search_path, ["app"]);
}

#[test]
fn mysql_character_set_and_time() {
    let target = server("mysql://u:p@h/d?charset=utf8mb4&collation=utf8mb4_0900_ai_ci&timezone=UTC");
    assert_eq!(target.collation.as_deref(), Some("utf8mb4_0900_ai_ci"));
    assert!(target.notes.is_empty());
    assert_eq!(server("mysql://u:p@h/d?charset=utf8&time-zone=%2B00:00").notes.len(), 1);
}
