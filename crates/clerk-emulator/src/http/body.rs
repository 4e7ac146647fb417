//! Bodies of requests, and what else a request says about its sender.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::webhook::HttpRequest;

use super::query::Query;

/// The largest JSON body that is read.
const MAX_JSON_BYTES: usize = 1024 * 1024;
/// The largest form that is read.
const MAX_FORM_BYTES: usize = 64 * 1024;
/// The largest picture that is read.
const MAX_IMAGE_BYTES: usize = 10 * 1024 * 1024;

/// A JSON object; an empty body is an empty one.
#[derive(Clone, Debug)]
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl<S: Sync> FromRequest<S> for JsonObject {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        match json(request).await? {
            None => Ok(Self(Map::new())),
            Some(Value::Object(object)) => Ok(Self(object)),
            Some(_) => Err(Refusal::bad_body("The request body must be a JSON object.")),
        }
    }
}

/// Any JSON; an empty body is `null`.
#[derive(Clone, Debug)]
pub(crate) struct AnyJson(pub(crate) Value);

impl<S: Sync> FromRequest<S> for AnyJson {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        Ok(Self(json(request).await?.unwrap_or(Value::Null)))
    }
}

/// A form, as browsers send it; an empty body is an empty one.
#[derive(Clone, Debug)]
pub(crate) struct UrlForm(pub(crate) Query);

impl<S: Sync> FromRequest<S> for UrlForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let media_type = media_type(&request);
        let bytes = read(request, MAX_FORM_BYTES).await?;
        if !bytes.is_empty() && media_type.as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Refusal::unsupported_content_type("application/x-www-form-urlencoded"));
        }
        Ok(Self(Query::parse_bytes(&bytes)))
    }
}

/// A body that only has to be read to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upload {
    pub(crate) length: usize,
}

impl<S: Sync> FromRequest<S> for Upload {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        Ok(Self { length: read(request, MAX_IMAGE_BYTES).await?.len() })
    }
}

async fn json(request: Request) -> Result<Option<Value>, Refusal> {
    let media_type = media_type(&request);
    let bytes = read(request, MAX_JSON_BYTES).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if media_type.as_deref() != Some("application/json") {
        return Err(Refusal::unsupported_content_type("application/json"));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Refusal::bad_body(format!("The request body is not JSON: {error}")))
}

fn media_type(request: &Request) -> Option<String> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_lowercase())
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Refusal> {
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::body_too_large(limit)),
        Err(_) => Err(Refusal::bad_body("The request body could not be read.")),
    }
}

impl<S: Sync> FromRequestParts<S> for HttpRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let client_ip = parts.extensions.get::<SocketAddr>().map(|address| address.ip().to_string());
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            client_ip: client_ip.unwrap_or_default(),
            user_agent: user_agent.unwrap_or_default().to_owned(),
        })
    }
}
