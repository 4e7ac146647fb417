//! Comparator: axum with the layer of clerk-rs, as its example shows it.

use axum::{Router, routing::get};
use clerk_rs::{
    ClerkConfiguration,
    clerk::Clerk,
    validators::{axum::ClerkLayer, jwks::MemoryCacheJwksProvider},
};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let setting = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let configuration = ClerkConfiguration::new(setting("CLERK_SECRET_KEY"))
        .with_base_path(format!("{}/v1", setting("CLERK_API_URL")));
    let keys = MemoryCacheJwksProvider::new(Clerk::new(configuration));
    let app = Router::new().route("/", get(|| async { "hello" })).layer(ClerkLayer::new(keys, None, true));
    let listener = TcpListener::bind(setting("LISTEN")).await?;
    axum::serve(listener, app).await
}
