//! Where strangers are sent, so that they come back signed in.

use crate::{
    cookies::{ClerkCookies, DEV_BROWSER, HANDSHAKE, HANDSHAKE_NONCE},
    request::{ClerkQuery, RequestHead, with, without},
    settings::AuthSettings,
};
use url::Url;

/// See [`crate::Authenticator::sign_in_address`].
pub(crate) fn address(
    head: &RequestHead<'_>,
    settings: &AuthSettings,
    sign_in_url: Option<&Url>,
) -> Option<Url> {
    let own = head.url()?;
    let portal =
        || Url::parse(&format!("https://{}/sign-in", settings.publishable_key().accounts_portal_host())).ok();
    let page = sign_in_url.cloned().or_else(portal)?;
    let leaves = page.origin() != own.origin();
    // What a handshake left in the address belongs to that handshake.
    let back = without(own, &[DEV_BROWSER, HANDSHAKE, HANDSHAKE_NONCE, "__clerk_help"]);
    let address = with(page, "redirect_url", back.as_str());
    match dev_browser(head, settings) {
        Some(id) if leaves => Some(with(address, DEV_BROWSER, &id)),
        _ => Some(address),
    }
}

/// The browser's id at a development instance, in whichever place it is.
fn dev_browser(head: &RequestHead<'_>, settings: &AuthSettings) -> Option<String> {
    if !settings.is_development() {
        return None;
    }
    let in_query = ClerkQuery::read(head).dev_browser.filter(|id| !id.is_empty());
    in_query.or_else(|| {
        let header = head.cookies()?;
        let cookies = ClerkCookies::read(&header, settings.suffix());
        cookies.dev_browser.suffixed().or_else(|| cookies.dev_browser.plain()).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use http::{HeaderMap, Method, header};

    fn sent_to(environment: &str, path: &str, sign_in: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "__clerk_db_jwt=dvb_1".parse().unwrap());
        let head = RequestHead::new(Method::GET, "https://app.example", path, &headers);
        let sign_in = sign_in.map(|url| Url::parse(url).unwrap());
        address(&head, &testing::settings(environment), sign_in.as_ref()).unwrap().to_string()
    }

    #[test]
    fn a_stranger_comes_back_to_a_clean_address() {
        assert_eq!(
            sent_to("live", "/a?x=1&__clerk_handshake_nonce=n", None),
            "https://accounts.example.com/sign-in?redirect_url=https%3A%2F%2Fapp.example%2Fa%3Fx%3D1"
        );
        assert_eq!(
            sent_to("live", "/a", Some("https://app.example/sign-in?theme=dark&redirect_url=old")),
            "https://app.example/sign-in?theme=dark&redirect_url=https%3A%2F%2Fapp.example%2Fa"
        );
    }

    #[test]
    fn a_development_browser_is_named_to_other_origins() {
        let elsewhere = sent_to("test", "/a", Some("http://localhost:4000/sign-in"));
        assert!(elsewhere.ends_with("&__clerk_db_jwt=dvb_1"), "{elsewhere}");
        let here = sent_to("test", "/a", Some("https://app.example/sign-in"));
        assert!(!here.contains("__clerk_db_jwt"), "{here}");
        let newer = sent_to("test", "/a?__clerk_db_jwt=dvb_2", Some("http://localhost:4000/sign-in"));
        assert!(newer.ends_with("&__clerk_db_jwt=dvb_2"), "{newer}");
    }
}
