-- What is true of the whole database, in one row.
create table clerk_sync_meta (
    id smallint primary key,
    schema_version integer not null,
    -- Changes when the feed's numbers begin anew.
    epoch text not null,
    -- The Clerk instance that this database mirrors.
    instance_id text,
    key_fingerprint text,
    -- The users table, if it was made by clerk-sync.
    users_table text,
    -- The newest number of the feed. Its row lock, taken last, orders the feed.
    last_change bigint not null default 0,
    last_event_at bigint
);

insert into clerk_sync_meta (id, schema_version, epoch) values (1, 1, gen_random_uuid()::text);

-- The ledger: what the rule needs to know of each user. Times are Unix milliseconds by Clerk's clock.
create table clerk_sync_users (
    user_id text collate "C" primary key,
    -- 0 provisional, 1 present, 2 gone
    state smallint not null,
    updated_at bigint not null,
    as_of bigint not null,
    -- 16 bytes over the mapped values, empty when gone
    digest bytea not null,
    fingerprint bigint not null,
    created_at bigint,
    lifted_as_of bigint
);

create index clerk_sync_users_gone on clerk_sync_users (as_of) where state = 2;

-- The change feed: append-only, numbered without gaps in the order of commits.
create table clerk_sync_changes (
    number bigint primary key,
    user_id text collate "C" not null,
    change text not null,
    flow text not null,
    message_id text,
    updated_at bigint,
    as_of bigint not null,
    -- Unix milliseconds by this database's clock
    written_at bigint not null
);

-- Events that verify but cannot be applied, redacted to mapped fields.
create table clerk_sync_dead_letters (
    number bigint generated always as identity primary key,
    message_id text unique,
    event_type text not null,
    user_id text collate "C",
    reason text not null,
    mapped text,
    buried_at bigint not null
);

create index clerk_sync_dead_letters_user on clerk_sync_dead_letters (user_id);
