-- Who reconciles, in one row. Times are Unix milliseconds by this database's clock.
create table if not exists clerk_sync_lease (
    id smallint primary key,
    -- Null until it is first taken.
    holder varchar(255),
    -- Grows whenever the lease goes to another.
    token bigint not null,
    expires_at bigint not null,
    -- Another process that asks for the lease, and until when.
    wanted_by varchar(255),
    wanted_until bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

insert ignore into clerk_sync_lease (id, token, expires_at) values (1, 0, 0);

-- How far the runs have come.
create table if not exists clerk_sync_runs (
    run varchar(16) not null,
    part integer not null,
    -- JSON
    state mediumtext not null,
    -- Unix milliseconds by this database's clock
    updated_at bigint not null,
    primary key (run, part)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- How the processes share the request budget. Times are Unix milliseconds by this database's clock.
create table if not exists clerk_sync_shares (
    -- The empty one is no process: its row, the first, orders those who decide by its lock.
    process varchar(255) primary key,
    wanted bigint not null,
    granted bigint not null,
    reserve bigint not null,
    reserve_until bigint not null,
    expires_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

insert ignore into clerk_sync_shares (process, wanted, granted, reserve, reserve_until, expires_at)
values ('', 0, 0, 0, 0, 0);

-- Users in the order in which Clerk lists them. Writers go on while it is built. Where a migration was cut short it
-- is there already, and that is no failure.
create index clerk_sync_users_living on clerk_sync_users (created_at, user_id, state);
