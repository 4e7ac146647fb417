//! Settings that are wrong or missing: each is named, and what does not need them is looked at all the same.

use super::Report;
use crate::harness::{Clerk, Instance, Kind, Setup, Site};
use rstest::rstest;

/// A service with nothing wrong.
async fn well() -> (Site, crate::harness::Server) {
    let site = Site::new(Instance::Development, Kind::Sqlite).await;
    let server = site.serve().await;
    (site, server)
}

#[tokio::test]
async fn every_wrong_setting_is_named_and_everything_else_is_looked_at() {
    let (site, _server) = well().await;
    let setup = site
        .setup
        .clone()
        .set("CLERK_SYNC_LISTEN", "nowhere")
        .set("CLERK_SYNC_LOG_FORMAT", "xml")
        .set("CLERK_SYNC_SCRUB_EVERYY", "1h")
        .config("CLERK_SYNC_KEEP_TOMBSTONES = \"1d\"\n");
    let report = Report::of(&setup).await;
    for words in [
        ["CLERK_SYNC_LISTEN (environment)", "an IP address and a port"],
        ["CLERK_SYNC_LOG_FORMAT (environment)", "`text` or `json`"],
        ["CLERK_SYNC_SCRUB_EVERYY", "did you mean"],
        ["CLERK_SYNC_KEEP_TOMBSTONES (clerk-sync.toml:1)", "90 days"],
    ] {
        report.says("settings", "problem", &words);
    }
    assert_eq!(report.states("settings").len(), 4);
    assert_eq!(report.problems(), ["settings"], "{report:#?}");
    for check in ["clerk", "database", "mapping", "public address"] {
        assert_eq!(report.states(check), ["ok"], "{check}: {report:#?}");
    }
}

#[rstest]
#[case::database("DATABASE_URL", "postgres://u:hunter2@h/d?sslmod=require", &["database", "migrations", "webhooks", "instance"])]
#[case::secret_key("CLERK_SECRET_KEY", "pk_test_hunter2", &["keys", "clerk", "clock", "session keys"])]
#[case::api("CLERK_API_URL", "ftp://clerk.example", &["clerk", "clock", "session keys", "instance"])]
#[case::publishable_key("CLERK_PUBLISHABLE_KEY", "pk_test_x", &["keys"])]
#[case::signing_secret("CLERK_WEBHOOK_SIGNING_SECRET", "hunter2", &["signing secret"])]
#[case::public_url("CLERK_SYNC_PUBLIC_URL", "nowhere", &["public address"])]
#[tokio::test]
async fn what_needs_a_wrong_setting_is_not_checked(
    #[case] name: &str,
    #[case] value: &str,
    #[case] not_checked: &[&str],
) {
    let (site, _server) = well().await;
    let report = Report::of(&site.set(name, value).setup).await;
    report.only("settings", &[name]);
    for check in not_checked {
        report.says(check, "note", &["not checked", name]);
    }
    assert!(!format!("{report:?}").contains("hunter2"), "{report:#?}");
}

#[rstest]
#[case::secret_key("CLERK_SECRET_KEY", "keys")]
#[case::signing_secret("CLERK_WEBHOOK_SIGNING_SECRET", "signing secret")]
#[tokio::test]
async fn a_setting_that_is_missing_is_asked_for(#[case] name: &str, #[case] check: &str) {
    let (site, _server) = well().await;
    let report = Report::of(&site.setup.clone().unset(name)).await;
    report.only(check, &[name, "is not set", "Clerk dashboard"]);
}

#[tokio::test]
async fn without_a_publishable_key_part_of_it_is_off_and_that_may_be_meant_so() {
    let (site, _server) = well().await;
    let report = Report::of(&site.setup.clone().unset("CLERK_PUBLISHABLE_KEY")).await;
    assert_eq!(report.code, Some(0), "{report:#?}");
    report.says("keys", "note", &["CLERK_PUBLISHABLE_KEY is not set", "/clerk/after-sign-up", "503"]);
}

#[tokio::test]
async fn keys_of_two_kinds_are_told_apart() {
    let (site, _server) = well().await;
    let live = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k";
    let report = Report::of(&site.set("CLERK_PUBLISHABLE_KEY", live).setup).await;
    report.only("settings", &["CLERK_PUBLISHABLE_KEY", "production", "development", "same instance"]);
    report.says("keys", "note", &["different kinds"]);
}

#[rstest]
#[case::one("whsec_YWJjZGVmZ2g=", "it is shorter")]
#[case::of_two("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD,whsec_YWJjZGVmZ2g=", "number 2 is shorter")]
#[tokio::test]
async fn a_signing_secret_that_was_cut_off_is_noticed(#[case] secrets: &str, #[case] says: &str) {
    let (site, _server) = well().await;
    let report = Report::of(&site.set("CLERK_WEBHOOK_SIGNING_SECRET", secrets).setup).await;
    report.only("signing secret", &[says, "copy it again, whole"]);
}

#[tokio::test]
async fn two_signing_secrets_are_noted_for_after_the_rotation() {
    let (site, _server) = well().await;
    let two = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD,whsec_plJ3nmyCDGBKInavdOK15jslAAAAAAAA";
    let report = Report::of(&site.set("CLERK_WEBHOOK_SIGNING_SECRET", two).setup).await;
    report.says("signing secret", "note", &["2, of good form", "only the new one"]);
}

#[tokio::test]
async fn a_jwt_key_of_another_instance_or_cut_off_is_noticed() {
    let (site, _server) = well().await;
    let other = Clerk::start_with(|config| config.seed = 8).await;
    let pem = other.signing_key().await.unwrap().public_pem().unwrap();
    let report = Report::of(&site.setup.clone().set("CLERK_JWT_KEY", &pem)).await;
    report.only("jwt key", &["no key of the instance", "Clerk dashboard"]);
    let cut = format!("-----BEGIN PUBLIC KEY-----{}-----END PUBLIC KEY-----", "MIIB".repeat(60));
    let report = Report::of(&site.setup.clone().set("CLERK_JWT_KEY", &cut)).await;
    report.only("jwt key", &["CLERK_JWT_KEY cannot be used", "copy it again"]);
    let away = site.setup.clone().set("CLERK_JWT_KEY", &cut).set("CLERK_API_URL", "http://127.0.0.1:9");
    Report::of(&away).await.says("jwt key", "problem", &["cannot be used"]);
}

#[tokio::test]
async fn columns_that_cannot_be_are_named() {
    let (site, _server) = well().await;
    let setup =
        site.setup.clone().config("[users.columns]\nclerk_id = \"id\"\nnote = \"private_metadata.note\"\n");
    let report = Report::of(&setup).await;
    report.only("settings", &["private_metadata", "clerk-sync.toml"]);
    report.says("mapping", "note", &["not checked"]);
    assert_eq!(report.states("database"), ["ok"], "{report:#?}");
}

#[tokio::test]
async fn a_settings_file_that_is_not_there_is_wrong_usage() {
    let finished = Setup::bare().run(&["doctor", "--config", "other.toml"]).await;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.err.contains("other.toml cannot be read") && finished.out.is_empty(), "{finished:?}");
    let finished = Setup::bare().run(&["doctor", "--frobnicate"]).await;
    assert_eq!(finished.code, Some(2), "{finished:?}");
}

/// Nothing is set at all: it says where to begin.
#[tokio::test]
async fn with_nothing_set_it_says_where_to_begin() {
    let setup = Setup::bare().set("CLERK_SYNC_PUBLIC_URL", "http://127.0.0.1:9");
    let report = Report::of(&setup).await;
    assert_eq!(report.problems(), ["database", "keys", "public address", "signing secret"], "{report:#?}");
    report.says("database", "problem", &["clerk-sync.db", "no such file yet", "clerk-sync migrate"]);
    assert!(!setup.path("clerk-sync.db").exists(), "looking makes nothing");
}
