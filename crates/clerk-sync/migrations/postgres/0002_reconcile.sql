-- Who reconciles, in one row. Times are Unix milliseconds by this database's clock.
create table clerk_sync_lease (
    id smallint primary key,
    -- Null until it is first taken.
    holder text,
    -- Grows whenever the lease goes to another. Unique, so that changing it waits for those who hold the row's
    -- lock "for key share" because they write under this token, and renewing the lease does not.
    token bigint not null unique,
    expires_at bigint not null,
    -- Another process that asks for the lease, and until when.
    wanted_by text,
    wanted_until bigint
);

insert into clerk_sync_lease (id, token, expires_at) values (1, 0, 0);

-- How far the runs have come.
create table clerk_sync_runs (
    run text collate "C",
    part integer,
    -- JSON
    state text not null,
    -- Unix milliseconds by this database's clock
    updated_at bigint not null,
    primary key (run, part)
);

-- How the processes share the request budget. Times are Unix milliseconds by this database's clock.
create table clerk_sync_shares (
    -- The empty one is no process: its row's lock orders those who decide.
    process text collate "C" primary key,
    wanted bigint not null,
    granted bigint not null,
    reserve bigint not null,
    reserve_until bigint not null,
    expires_at bigint not null
);

insert into clerk_sync_shares (process, wanted, granted, reserve, reserve_until, expires_at)
values ('', 0, 0, 0, 0, 0);

-- Users in the order in which Clerk lists them.
create index clerk_sync_users_living on clerk_sync_users (created_at, user_id) where state < 2;
