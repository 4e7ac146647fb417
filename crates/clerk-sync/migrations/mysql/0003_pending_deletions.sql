-- Users who are gone while something is still to be done to their rows, or never will be.
create table if not exists clerk_sync_pending_deletions (
    user_id varchar(255) character set utf8mb4 collate utf8mb4_bin primary key,
    -- Unix milliseconds by this database's clock. Null: an operator cancelled it, and the row stays for good.
    due_at bigint,
    key clerk_sync_pending_deletions_due (due_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
