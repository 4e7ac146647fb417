//! How the Frontend API answers: the resource, the client beside it, and the browser's cookies.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::core::Core;
use crate::refusal::Refusal;

use super::visitor::Visitor;

pub(crate) type Answer = Result<Response, Refusal>;

/// `{"response": …, "client": …}`: the client is how scripts learn what else changed.
pub(crate) async fn with_client(core: &Core, visitor: &Visitor, response: Value) -> Answer {
    let client = core.frontend_client(visitor.browser.as_deref(), visitor.origin.as_deref()).await?;
    Ok(answer(core, visitor, json!({ "response": response, "client": client })))
}

/// The client itself as the resource.
pub(crate) async fn client(core: &Core, visitor: &Visitor) -> Answer {
    let client = core.frontend_client(visitor.browser.as_deref(), visitor.origin.as_deref()).await?;
    Ok(answer(core, visitor, json!({ "response": client, "client": null })))
}

pub(crate) fn answer(core: &Core, visitor: &Visitor, body: Value) -> Response {
    let mut response = Json(body).into_response();
    set_cookies(&mut response, &visitor.cookies(core));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn set_cookies(response: &mut Response, cookies: &[String]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}
