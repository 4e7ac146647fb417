-- What is true of the whole database, in one row.
create table clerk_sync_meta (
    id integer primary key,
    schema_version integer not null,
    -- Changes when the feed's numbers begin anew.
    epoch text not null,
    -- The Clerk instance that this database mirrors.
    instance_id text,
    key_fingerprint text,
    -- The users table, if it was made by clerk-sync.
    users_table text,
    -- The newest number of the feed.
    last_change integer not null default 0,
    last_event_at integer
) strict;

insert into clerk_sync_meta (id, schema_version, epoch) values (1, 1, lower(hex(randomblob(16))));

-- The ledger: what the rule needs to know of each user. Times are Unix milliseconds by Clerk's clock.
create table clerk_sync_users (
    user_id text primary key,
    -- 0 provisional, 1 present, 2 gone
    state integer not null,
    updated_at integer not null,
    as_of integer not null,
    -- 16 bytes over the mapped values, empty when gone
    digest blob not null,
    fingerprint integer not null,
    created_at integer,
    lifted_as_of integer
) strict, without rowid;

create index clerk_sync_users_gone on clerk_sync_users (as_of) where state = 2;

-- The change feed: append-only, numbered without gaps in the order of commits.
create table clerk_sync_changes (
    number integer primary key,
    user_id text not null,
    change text not null,
    flow text not null,
    message_id text,
    updated_at integer,
    as_of integer not null,
    -- Unix milliseconds by this database's clock
    written_at integer not null
) strict;

-- Events that verify but cannot be applied, redacted to mapped fields.
create table clerk_sync_dead_letters (
    number integer primary key autoincrement,
    message_id text unique,
    event_type text not null,
    user_id text,
    reason text not null,
    mapped text,
    buried_at integer not null
) strict;

create index clerk_sync_dead_letters_user on clerk_sync_dead_letters (user_id);
