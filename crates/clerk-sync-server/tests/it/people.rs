//! Flows A, C and D: `/clerk/after-sign-up`, `/clerk/me` and `/clerk/verify`, for people with browsers and for proxies.

mod at_once;
mod me;
mod outages;
mod pages;
mod privacy;
mod redirects;
mod returning;
mod sign_up;
mod verify;
mod verify_handshake;

use crate::harness::{Answer, Browser};

/// A page for people: complete, readable, harmless, and kept by nobody.
fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let expected = [
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
    }
    let body = &answer.body;
    for part in ["<!DOCTYPE html>", "<html lang=\"en\">", "<title>", "<h1>", "name=\"viewport\"", "</html>"] {
        assert!(body.contains(part), "{part} is missing: {body}");
    }
    let lower = body.to_lowercase();
    // Scripts, people, tokens, and what is inside.
    for part in [
        "<script",
        "javascript:",
        "onload=",
        "onerror=",
        "@example",
        "eyj",
        "user_",
        "sess_",
        "dvb_",
        "sk_",
        "sqlx",
        "panick",
        "postgres",
    ] {
        assert!(!lower.contains(part), "{part} in {body}");
    }
    assert_eq!(answer.header("location"), None, "{answer:?}");
}

/// The browser's requests come through somebody who rewrites hosts.
fn through_hostile_hosts(browser: Browser) -> Browser {
    let browser = browser.saying("host", "evil.example").saying("x-forwarded-host", "evil.example");
    let browser = browser.saying("x-forwarded-proto", "https").saying("x-forwarded-port", "666");
    browser.saying("forwarded", "host=evil.example;proto=https").saying("x-original-host", "evil.example")
}
