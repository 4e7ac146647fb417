//! An axum app whose signed-in requests always find their user's row.
//!
//! Notes belong to users by a foreign key onto `users (clerk_id)`, the table that clerk-sync keeps equal to Clerk. The
//! first request of somebody who signed up a second ago can write one, whether Clerk's webhook came or not.

mod mirror;
mod notes;
mod settings;
mod webhooks;

use anyhow::Context as _;
use axum::Router;
use clap::Parser as _;
use clerk_auth::{ClerkLayer, guard::RequireLayer};
use clerk_sync::ensure::EnsureUserLayer;
use mirror::Mirror;
use settings::Settings;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = Settings::parse();
    let mirror = Mirror::start(&settings).await?;
    // After the users table, which theirs refers to.
    let notes = notes::open(&settings.database_url).await?;

    // Layers run from the last to the first: who is asking, then that user's row, then whether they may.
    let admin = notes::admin_routes().layer(RequireLayer::role("org:admin"));
    let app = notes::routes()
        .merge(admin)
        .layer(EnsureUserLayer::new(mirror.users.clone()))
        .layer(ClerkLayer::new(mirror.authenticator.clone()).public_origin(&settings.origin()))
        .with_state(notes)
        // Clerk signs its webhooks and has no session, so these stand outside.
        .merge(match &settings.clerk_webhook_signing_secret {
            Some(secret) => webhooks::routes(&mirror, secret)?,
            None => Router::new(),
        });

    let listener = TcpListener::bind(settings.listen).await.context("LISTEN")?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // Without a way to hear it the process is simply ended.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    mirror.stop().await;
    Ok(())
}
