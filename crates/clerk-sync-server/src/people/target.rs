//! Where a `redirect_url` may lead: only what it *resolves* to counts, for that is where a browser goes.

use crate::settings::Origin;
use percent_encoding::percent_decode_str;
use url::Url;

/// The app and its allowed origins.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    app: Url,
    origins: Vec<Origin>,
}

impl Targets {
    pub(super) fn new(app: &Url, allowed: &[Origin]) -> Self {
        let origins = std::iter::once(Origin::of(app)).chain(allowed.iter().cloned()).collect();
        Self { app: app.clone(), origins }
    }

    /// Where to send someone who asked for `wish`; the app itself if that is nowhere they may be sent.
    pub(crate) fn resolve(&self, wish: Option<&str>) -> Url {
        wish.and_then(|wish| self.allowed(wish)).unwrap_or_else(|| self.app.clone())
    }

    fn allowed(&self, wish: &str) -> Option<Url> {
        let url = self.app.join(wish).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https");
        let is_bare = url.username().is_empty() && url.password().is_none();
        // Back to our own routes would go round for ever.
        (is_web && is_bare && self.origins.contains(&Origin::of(&url)) && !is_ours(&url)).then_some(url)
    }
}

/// Whether a path is one of ours, however it is spelled: the server behind may decode it, more than once too.
fn is_ours(url: &Url) -> bool {
    let mut path = url.path().to_owned();
    for _ in 0..3 {
        let plain = path.replace('\\', "/");
        let mut segments = Vec::new();
        for segment in plain.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
            match segment {
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("clerk")) {
            return true;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn resolve(wish: &str) -> String {
        let app = Url::parse("https://app.example/start").expect("a URL");
        let allowed = [Origin::of(&Url::parse("https://docs.example:8443").expect("a URL"))];
        Targets::new(&app, &allowed).resolve(Some(wish)).to_string()
    }

    #[rstest]
    #[case("/welcome?a=1#b", "https://app.example/welcome?a=1#b")]
    #[case("welcome", "https://app.example/welcome")]
    #[case("", "https://app.example/start")]
    #[case("https://app.example/x", "https://app.example/x")]
    #[case("HTTPS://APP.EXAMPLE:443/x", "https://app.example/x")]
    #[case("https://docs.example:8443/x", "https://docs.example:8443/x")]
    #[case("//app.example/x", "https://app.example/x")]
    // A path, to browsers as well, where the app has the same scheme.
    #[case("https:evil.example", "https://app.example/evil.example")]
    #[case("https:/evil.example", "https://app.example/evil.example")]
    #[case("/clerkish", "https://app.example/clerkish")]
    #[case("/a/clerk/", "https://app.example/a/clerk/")]
    fn what_is_allowed_is_gone_to(#[case] wish: &str, #[case] expected: &str) {
        assert_eq!(resolve(wish), expected);
    }

    #[rstest]
    #[case("https://evil.example/")]
    #[case("//evil.example/")]
    #[case("/\\evil.example/")]
    #[case("\\\\evil.example/")]
    #[case("/\t/evil.example/")]
    #[case("\n//evil.example")]
    #[case(" https://evil.example")]
    #[case("https:\\\\evil.example")]
    #[case("https://app.example@evil.example/")]
    #[case("https://app.example:443@evil.example/")]
    #[case("https://evil.example\\@app.example/")]
    #[case("https://user@app.example/")]
    #[case("https://user:pass@app.example/")]
    #[case("https://app.example.evil.example/")]
    #[case("https://evilapp.example/")]
    #[case("https://app.example%2eevil.example/")]
    #[case("https://app.example%00.evil.example/")]
    #[case("https://app\u{2024}example/")]
    #[case("http://app.example/")]
    #[case("https://app.example:8443/")]
    #[case("https://docs.example/")]
    #[case("javascript:alert(1)")]
    #[case("JaVaScRiPt:alert(1)")]
    #[case("java\tscript:alert(1)")]
    #[case("data:text/html,x")]
    #[case("vbscript:x")]
    #[case("blob:https://app.example/x")]
    #[case("file:///etc/passwd")]
    #[case("ftp://app.example/")]
    #[case("https://")]
    #[case("http://[::1")]
    #[case("/clerk/after-sign-up")]
    #[case("/clerk")]
    #[case("/Clerk/me")]
    #[case("//app.example/clerk/me")]
    #[case("/x/../clerk/me")]
    #[case("/%63lerk/me")]
    #[case("/%2563lerk/me")]
    #[case("/x/%2e%2e/clerk/me")]
    #[case("/x/%2e%2e%2fclerk/me")]
    #[case("/.//clerk/me")]
    #[case("/x\\..\\clerk\\me")]
    fn everything_else_leads_to_the_app(#[case] wish: &str) {
        assert_eq!(resolve(wish), "https://app.example/start");
    }
}
