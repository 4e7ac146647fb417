//! The app itself: notes, each of which belongs to a user.

use anyhow::Context as _;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use clerk_auth::Session;
use serde::{Deserialize, Serialize};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use std::{str::FromStr as _, time::Duration};

/// The foreign key is the point: without the user's row no note can be written. What happens to the notes of somebody
/// whom Clerk deletes is yours to say; `cascade` deletes them, and a plain `references` would keep the row from going.
const SCHEMA: &str = "create table if not exists notes (
    id integer primary key,
    user_id text not null references users (clerk_id) on delete cascade,
    text text not null
)";

#[derive(Debug, Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Debug, Serialize, sqlx::FromRow)]
struct Note {
    id: i64,
    text: String,
    /// From the users table, to show that one can join on it.
    author: Option<String>,
}

/// The app's own connections to the database that clerk-sync writes into.
pub(crate) async fn open(url: &str) -> anyhow::Result<SqlitePool> {
    let options = SqliteConnectOptions::from_str(url).context("DATABASE_URL")?.foreign_keys(true);
    let pool = SqlitePool::connect_with(options.busy_timeout(Duration::from_secs(5))).await?;
    sqlx::query(SCHEMA).execute(&pool).await?;
    Ok(pool)
}

pub(crate) fn routes() -> Router<SqlitePool> {
    Router::new().route("/notes", get(list).post(add))
}

/// To be guarded by whoever mounts them.
pub(crate) fn admin_routes() -> Router<SqlitePool> {
    Router::new().route("/admin/notes", get(count))
}

/// `Session` as an argument lets in who is signed in, and answers 401 to all others.
async fn add(
    session: Session,
    State(notes): State<SqlitePool>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Json<Note>), StatusCode> {
    let insert = "insert into notes (user_id, text) values (?, ?)
        returning id, text, (select first_name from users where clerk_id = user_id) as author";
    let note = sqlx::query_as(insert).bind(session.user_id()).bind(new.text).fetch_one(&notes).await;
    Ok((StatusCode::CREATED, Json(note.map_err(broken)?)))
}

async fn list(session: Session, State(notes): State<SqlitePool>) -> Result<Json<Vec<Note>>, StatusCode> {
    let select = "select id, text, first_name as author from notes join users on clerk_id = user_id
        where user_id = ? order by id";
    let found = sqlx::query_as(select).bind(session.user_id()).fetch_all(&notes).await;
    found.map(Json).map_err(broken)
}

async fn count(State(notes): State<SqlitePool>) -> Result<Json<Vec<(String, i64)>>, StatusCode> {
    let select = "select clerk_id, count(id) from users left join notes on user_id = clerk_id
        group by clerk_id order by clerk_id";
    sqlx::query_as(select).fetch_all(&notes).await.map(Json).map_err(broken)
}

/// What went wrong is for the log only.
fn broken(error: sqlx::Error) -> StatusCode {
    tracing::error!(%error, "the database refused");
    StatusCode::INTERNAL_SERVER_ERROR
}
