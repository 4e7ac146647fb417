//! Pages for people, where something is in the way: plain, without scripts, and about what happens next.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use std::time::Duration;

/// Nothing is loaded, nothing runs, nobody frames it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; box-sizing: border-box;
  font: 1.0625rem/1.6 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { max-width: 32rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
p { margin: 0 0 1rem; }
a { color: LinkText; }
";

/// What a page says.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    /// One paragraph each.
    pub(super) text: Vec<String>,
    /// What a person can do: a text and an address.
    pub(super) links: Vec<(&'static str, String)>,
    /// The page loads itself again after this.
    pub(super) retry_after: Option<Duration>,
}

impl Page {
    pub(super) fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self { status, title, text: vec![text.into()], links: Vec::new(), retry_after: None }
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    pub(super) fn link(mut self, text: &'static str, address: impl Into<String>) -> Self {
        self.links.push((text, address.into()));
        self
    }

    pub(super) fn retrying(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    fn seconds(&self) -> Option<u64> {
        // Whole seconds, rounded up: coming back too early would be in vain.
        let milliseconds = self.retry_after?.as_millis();
        Some(u64::try_from(milliseconds.div_ceil(1_000).max(1)).unwrap_or(u64::MAX))
    }

    fn markup(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    @if let Some(seconds) = self.seconds() {
                        meta http-equiv="refresh" content=(seconds);
                    }
                    meta name="robots" content="noindex";
                    title { (self.title) }
                    style { (STYLE) }
                }
                body {
                    main {
                        h1 { (self.title) }
                        @for text in &self.text { p { (text) } }
                        @for (text, address) in &self.links { p { a href=(address) { (text) } } }
                    }
                }
            }
        }
    }
}

/// What every answer to a person carries: no cache keeps it, and no other site learns the address.
pub(super) fn guard(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::response::Html(self.markup().into_string())).into_response();
        let headers = response.headers_mut();
        guard(headers);
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = self.seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_text_and_nothing_else() {
        let page = Page::new(StatusCode::SERVICE_UNAVAILABLE, "One moment", "<script>alert(1)</script>")
            .link("Again", "https://app.example/?a=\"><b>")
            .retrying(Duration::from_millis(1_200));
        let text = page.markup().into_string();
        assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
        assert!(text.contains("content=\"2\"") && text.contains("lang=\"en\""), "{text}");
        let response = page.into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
