//! The files of the page, built into the program.

use axum::http::header::{CONTENT_TYPE, HeaderName};

type Asset = ([(HeaderName, &'static str); 1], &'static str);

pub(super) async fn style() -> Asset {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}

pub(super) async fn script() -> Asset {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js"))
}

pub(super) async fn icon() -> Asset {
    ([(CONTENT_TYPE, "image/svg+xml")], include_str!("icon.svg"))
}
