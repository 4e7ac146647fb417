//! A finished handshake whose cookies must be in the browser before the page is shown.

use crate::{
    cookies::{self, HANDSHAKE, HANDSHAKE_NONCE, REDIRECT_COUNT},
    decision::Decision,
    js,
    request::RequestHead,
};
use http::{HeaderValue, header};
use std::{borrow::Cow, net::IpAddr};
use url::{Host, Url};

/// So often in a row cookies are tried to be set.
const LOOP: f64 = 3.0;

impl Decision {
    /// A decision that sets cookies beside an answer, made into a redirect to the same address: for proxies that pass
    /// on the cookies of a redirect and drop those of a 200. Only for a page, and only until the browser has them.
    #[must_use]
    pub fn redirecting_if_cookies_are_new(mut self, head: &RequestHead<'_>) -> Self {
        if self.location().is_some() || !head.is_for_a_page() || !sets_new_cookies(&self, head) {
            return self;
        }
        let count = redirect_count(head);
        let Some(url) = head.url().filter(|_| count < LOOP) else { return self };
        let Ok(location) = HeaderValue::try_from(url.as_str()) else { return self };
        self.headers.insert(header::LOCATION, location);
        self.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let count = format!("{REDIRECT_COUNT}={}; SameSite=Lax; HttpOnly; Max-Age=2", js::print(count + 1.0));
        // What the handshake ended with is used up: a second look at it would find nothing.
        for cookie in used_up(&url).into_iter().chain([count]) {
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                self.headers.append(header::SET_COOKIE, cookie);
            }
        }
        self
    }
}

fn redirect_count(head: &RequestHead<'_>) -> f64 {
    let header = head.cookies();
    let count = header.as_deref().and_then(|header| value_of(header, REDIRECT_COUNT)).map_or(0.0, js::number);
    if count.is_nan() { 0.0 } else { count }
}

fn sets_new_cookies(decision: &Decision, head: &RequestHead<'_>) -> bool {
    let sent = head.cookies().unwrap_or(Cow::Borrowed(""));
    let mut directives =
        decision.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    directives.any(|directive| {
        let (name, value) = cookies::directive(directive);
        let known = value_of(&sent, name.trim()).unwrap_or_default();
        ![HANDSHAKE, HANDSHAKE_NONCE].contains(&name.trim()) && known != value.unwrap_or_default()
    })
}

fn value_of<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// Takes away what brought the handshake's result, whichever domain it was set for.
fn used_up(url: &Url) -> Vec<String> {
    let host = match url.host() {
        Some(Host::Domain(name)) if name.parse::<IpAddr>().is_err() => name,
        _ => "",
    };
    let parents = std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, rest)| rest));
    let domains: Vec<&str> = parents.filter(|name| name.contains('.')).collect();
    let clear = |name: &str| {
        let bare = format!("{name}=; Path=/; Max-Age=0");
        let wide = domains.iter().map(|domain| format!("{bare}; Domain={domain}")).collect::<Vec<_>>();
        std::iter::once(bare).chain(wide).collect::<Vec<_>>()
    };
    [HANDSHAKE, HANDSHAKE_NONCE].into_iter().flat_map(clear).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decision::Message, reason::Reason};
    use http::{HeaderMap, Method};

    fn decided(cookies: &[&str]) -> Decision {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        }
        Decision::signed_out(Reason::SessionTokenMissing, &Message::None, headers)
    }

    fn location(decision: Decision, sent: &str, destination: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, sent.parse().unwrap());
        headers.insert("sec-fetch-dest", destination.parse().unwrap());
        let head = RequestHead::new(Method::GET, "https://www.app.example", "/a?b=%20", &headers);
        let decision = decision.redirecting_if_cookies_are_new(&head);
        decision.location().map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn new_cookies_redirect_a_page_to_itself_until_it_has_them() {
        let directives = ["__session=a.b.c; Path=/", "__client_uat=5; Path=/", "__clerk_handshake=; Path=/"];
        let to_itself = Some("https://www.app.example/a?b=%20".to_owned());
        assert_eq!(location(decided(&directives), "x=1", "document"), to_itself);
        assert_eq!(location(decided(&directives), "__session=old; __client_uat=5", "document"), to_itself);
        assert_eq!(location(decided(&directives), "__session=a.b.c; __client_uat=5", "document"), None);
        assert_eq!(location(decided(&directives), "x=1", "empty"), None);
        assert_eq!(location(decided(&["__session=; Max-Age=0"]), "x=1", "document"), None);
        assert_eq!(location(decided(&[]), "x=1", "document"), None);
        assert_eq!(location(decided(&directives), "__clerk_redirect_count=3", "document"), None);
    }

    #[test]
    fn what_is_used_up_is_taken_away_on_every_domain() {
        let cookies = used_up(&Url::parse("https://www.app.example/").unwrap());
        assert!(
            cookies.contains(&"__clerk_handshake_nonce=; Path=/; Max-Age=0; Domain=app.example".to_owned())
        );
        assert!(cookies.contains(&"__clerk_handshake=; Path=/; Max-Age=0".to_owned()));
        assert_eq!(used_up(&Url::parse("https://127.0.0.1/").unwrap()).len(), 2);
        assert_eq!(used_up(&Url::parse("http://localhost/").unwrap()).len(), 2);
    }
}
