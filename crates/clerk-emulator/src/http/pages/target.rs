//! Where a person goes after a page is done.

use url::Url;

use crate::core::Core;
use crate::site::{web_url, with_parameter};

use super::super::query::Query;

/// What the pages hand on to each other.
const KEPT: [&str; 6] = [
    "redirect_url",
    "sign_up_force_redirect_url",
    "sign_up_fallback_redirect_url",
    "sign_in_force_redirect_url",
    "sign_in_fallback_redirect_url",
    "__clerk_db_jwt",
];

/// What a person is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Joining,
    Returning,
    Leaving,
}

impl Flow {
    /// The parameters that may name a target, the strongest first.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Joining => &["sign_up_force_redirect_url", "redirect_url", "sign_up_fallback_redirect_url"],
            Self::Returning => {
                &["sign_in_force_redirect_url", "redirect_url", "sign_in_fallback_redirect_url"]
            }
            Self::Leaving => &["redirect_url"],
        }
    }
}

/// A target that nobody is sent to.
#[derive(Clone, Debug)]
pub(crate) struct BadTarget {
    pub(crate) parameter: &'static str,
    pub(crate) value: String,
}

pub(crate) fn target(core: &Core, query: &Query, flow: Flow) -> Result<Option<Url>, BadTarget> {
    for parameter in flow.parameters() {
        let Some(value) = query.first(parameter).filter(|value| !value.is_empty()) else { continue };
        let url = web_url(value).filter(|url| core.site.allows(url));
        return url.map(Some).ok_or_else(|| BadTarget { parameter, value: value.to_owned() });
    }
    Ok(None)
}

/// The target as a development browser must open it: from another origin, it cannot see our cookies, so the
/// address says which browser it is.
pub(crate) fn for_browser(core: &Core, target: &Url, own_host: &str, browser: &str) -> Url {
    let host = target.host_str().unwrap_or_default();
    let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
    if core.config.has_production_frontend() || format!("{host}{port}") == own_host {
        return target.clone();
    }
    with_parameter(target, "__clerk_db_jwt", browser)
}

/// `path` with what the pages hand on to each other.
pub(crate) fn with_kept(path: &str, query: &Query) -> String {
    let kept = KEPT.iter().filter_map(|name| Some((name, query.first(name)?)));
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
}
