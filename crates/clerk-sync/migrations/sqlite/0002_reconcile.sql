-- Who reconciles, in one row. Times are Unix milliseconds by this database's clock.
create table clerk_sync_lease (
    id integer primary key,
    -- Null until it is first taken.
    holder text,
    -- Grows whenever the lease goes to another.
    token integer not null,
    expires_at integer not null,
    -- Another process that asks for the lease, and until when.
    wanted_by text,
    wanted_until integer
) strict;

insert into clerk_sync_lease (id, token, expires_at) values (1, 0, 0);

-- How far the runs have come.
create table clerk_sync_runs (
    run text not null,
    part integer not null,
    -- JSON
    state text not null,
    -- Unix milliseconds by this database's clock
    updated_at integer not null,
    primary key (run, part)
) strict;

-- How the processes share the request budget. Times are Unix milliseconds by this database's clock.
create table clerk_sync_shares (
    process text primary key not null,
    wanted integer not null,
    granted integer not null,
    reserve integer not null,
    reserve_until integer not null,
    expires_at integer not null
) strict;

-- Users in the order in which Clerk lists them.
create index clerk_sync_users_living on clerk_sync_users (created_at, user_id) where state < 2;
