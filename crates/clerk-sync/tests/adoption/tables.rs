//! Tables that somebody else made.

use clerk_sync::mapping::{Fill, FillContent, Generator, MappingSpec, Value};

/// A table with a key of its own and other types than we would choose, which yet hold every value. What has a
/// default is filled by us nevertheless; people add rows by hand.
pub(crate) const POSTGRES: &str = "create table users (
    id uuid primary key default gen_random_uuid(),
    role text not null default '',
    clerk_id text collate \"C\" not null unique,
    username character varying,
    first_name text,
    score numeric,
    banned smallint,
    updated_at bigint,
    meta json,
    seen_at timestamp(3) without time zone,
    changed_at timestamp(3) without time zone not null default now(),
    theirs text default 'left alone'
)";

/// As [`POSTGRES`].
pub(crate) const MYSQL: &str = "create table users (
    id char(36) primary key default (uuid()),
    role varchar(20) not null default '',
    clerk_id varchar(64) character set utf8mb4 collate utf8mb4_bin not null,
    username longtext character set utf8mb4 collate utf8mb4_bin,
    first_name longtext character set utf8mb4 collate utf8mb4_bin,
    score bigint,
    banned bigint,
    updated_at bigint,
    meta json,
    seen_at varchar(40),
    changed_at datetime not null default now(),
    theirs varchar(20) default 'left alone',
    unique key users_by_clerk_id (clerk_id)
)";

/// As [`POSTGRES`].
pub(crate) const SQLITE: &str = "create table users (
    id text primary key not null default (lower(hex(randomblob(16)))),
    role text not null default '',
    clerk_id text not null,
    username varchar(30),
    first_name text,
    score integer,
    banned bool,
    updated_at integer,
    meta text,
    seen_at datetime,
    changed_at text not null default current_timestamp,
    theirs text default 'left alone'
);
create unique index users_by_clerk_id on users (clerk_id)";

/// What fills the columns that are not Clerk's.
pub(crate) fn spec(of: MappingSpec) -> MappingSpec {
    let fill = |name: &str, content| Fill { name: name.to_owned(), content };
    let fills = vec![
        fill("id", FillContent::Generated(Generator::Uuid7)),
        fill("role", FillContent::Value(Value::Text("member".to_owned()))),
        fill("changed_at", FillContent::Now { refresh: true }),
    ];
    MappingSpec { fills, ..of }
}
