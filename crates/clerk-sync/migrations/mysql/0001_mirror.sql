-- What is true of the whole database, in one row.
create table if not exists clerk_sync_meta (
    id smallint primary key,
    schema_version integer not null,
    -- Changes when the feed's numbers begin anew.
    epoch varchar(64) not null,
    -- The Clerk instance that this database mirrors.
    instance_id varchar(255),
    key_fingerprint varchar(64),
    -- The users table, if it was made by clerk-sync.
    users_table varchar(255),
    -- The newest number of the feed. Its row lock, taken last, orders the feed.
    last_change bigint not null default 0,
    last_event_at bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- The ledger: what the rule needs to know of each user. Times are Unix milliseconds by Clerk's clock.
create table if not exists clerk_sync_users (
    user_id varchar(255) character set utf8mb4 collate utf8mb4_bin primary key,
    -- 0 provisional, 1 present, 2 gone
    state smallint not null,
    updated_at bigint not null,
    as_of bigint not null,
    -- 16 bytes over the mapped values, empty when gone
    digest varbinary(16) not null,
    fingerprint bigint not null,
    created_at bigint,
    lifted_as_of bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- The change feed: append-only, numbered without gaps in the order of commits.
create table if not exists clerk_sync_changes (
    number bigint primary key,
    user_id varchar(255) character set utf8mb4 collate utf8mb4_bin not null,
    `change` varchar(16) not null,
    flow varchar(32) not null,
    message_id varchar(255),
    updated_at bigint,
    as_of bigint not null,
    -- Unix milliseconds by this database's clock
    written_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- Events that verify but cannot be applied, redacted to mapped fields.
create table if not exists clerk_sync_dead_letters (
    number bigint auto_increment primary key,
    message_id varchar(255),
    event_type varchar(255) not null,
    user_id varchar(255) character set utf8mb4 collate utf8mb4_bin,
    reason text not null,
    mapped mediumtext,
    buried_at bigint not null,
    unique key clerk_sync_dead_letters_message (message_id),
    key clerk_sync_dead_letters_user (user_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- Last: until this row is there, the version counts as 0 and the statements above run again.
insert ignore into clerk_sync_meta (id, schema_version, epoch) values (1, 1, uuid());
