//! Whether our routes are reached under the public address: not redirected, and not answered by the app instead.

use super::{
    finding::Finding,
    patient::Patient,
    web::{self, described},
};
use reqwest::{StatusCode, header};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};

pub(super) const NAME: &str = "public address";
const ROUTE: &str = "/clerk/webhooks";
/// For a look at this machine alone.
const KNOCK: Duration = Duration::from_millis(500);

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let wrong =
        ["CLERK_SYNC_PUBLIC_URL", "CLERK_SYNC_APP_URL"].into_iter().find(|name| patient.is_wrong(name));
    if let Some(wrong) = wrong {
        return vec![Finding::note(NAME, format!("not checked: {wrong} is wrong"), "")];
    }
    let origin = patient.settings.public_origin.as_str();
    let address = format!("{origin}{ROUTE}");
    // A delivery without a signature: our own refusal proves that deliveries arrive, and nothing else happens.
    let answer = match web::client(web::Route::Direct) {
        Ok(client) => {
            client.post(&address).header(header::CONTENT_TYPE, "application/json").body("{}").send().await
        }
        Err(error) => return vec![Finding::problem(NAME, error, "")],
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let found = format!("{origin} cannot be reached: {}", described(&error));
            return vec![Finding::problem(NAME, found, away(patient).await)];
        }
    };
    let status = answer.status();
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (location, kind) = (text(header::LOCATION), text(header::CONTENT_TYPE));
    if status.is_redirection() {
        let to = location.unwrap_or_else(|| "nowhere".to_owned());
        let found = format!("{address} is redirected ({}) to {}", status.as_u16(), without_query(&to));
        let todo = "Clerk's deliveries follow no redirect: set CLERK_SYNC_PUBLIC_URL to the final address, and exempt \
             /clerk/ from the app's sign-in, from redirects to https or another host, and from trailing slashes";
        return vec![Finding::problem(NAME, found, todo)];
    }
    let body = web::body(answer).await.unwrap_or_default();
    vec![judge(&address, status, our_code(&body).as_deref(), kind.as_deref(), patient)]
}

fn judge(
    address: &str,
    status: StatusCode,
    code: Option<&str>,
    kind: Option<&str>,
    patient: &Patient,
) -> Finding {
    match (status.as_u16(), code) {
        (400, Some("bad_signature")) => Finding::ok(NAME, format!("{address} is ours")),
        (503, Some("webhook_secret_missing")) => Finding::problem(
            NAME,
            format!("{address} is ours, but runs without CLERK_WEBHOOK_SIGNING_SECRET"),
            "give the serving process the same settings as this one, and restart it",
        ),
        (502..=504, None) => Finding::problem(
            NAME,
            format!("the proxy at {address} answers {}: it does not reach clerk-sync", status.as_u16()),
            format!(
                "start clerk-sync serve, and let the proxy pass /clerk/ on to {}",
                patient.settings.listen
            ),
        ),
        (status, _) => {
            let kind = kind.map(|kind| format!(" ({})", kind.split(';').next().unwrap_or_default()));
            let found =
                format!("something else answers at {address}: status {status}{}", kind.unwrap_or_default());
            let todo = format!(
                "let the proxy, or the app's rewrites, pass /clerk/ on to clerk-sync ({}) before the app or its sign-in see it",
                patient.settings.listen
            );
            Finding::problem(NAME, found, todo)
        }
    }
}

/// The code of an error of ours.
fn our_code(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    body.get("error")?.get("code")?.as_str().map(str::to_owned)
}

/// An address may carry what is nobody's business.
fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// What to do where nobody answers.
async fn away(patient: &Patient) -> String {
    let listen = patient.settings.listen;
    if listen.port() != 0 && !patient.is_wrong("CLERK_SYNC_LISTEN") && answers(listen).await {
        return format!(
            "something listens on {listen}, where serve does: pass /clerk/ of the public address on to it, or set \
             CLERK_SYNC_PUBLIC_URL to the address that does"
        );
    }
    "start clerk-sync serve and the proxy or app in front of it; is CLERK_SYNC_PUBLIC_URL (by default the app's \
     address) right?"
        .to_owned()
}

async fn answers(listen: SocketAddr) -> bool {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let connecting = TcpStream::connect(SocketAddr::new(ip, listen.port()));
    timeout(KNOCK, connecting).await.is_ok_and(|connected| connected.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_errors_have_a_code() {
        assert_eq!(our_code(r#"{"error":{"code":"bad_signature"}}"#).as_deref(), Some("bad_signature"));
        for body in ["", "<html>", "{}", r#"{"error":"not found"}"#, r#"{"error":{"code":7}}"#] {
            assert_eq!(our_code(body), None, "{body}");
        }
        assert_eq!(without_query("https://a.example/sign-in?token=1#x"), "https://a.example/sign-in");
    }
}
