-- Users who are gone while something is still to be done to their rows, or never will be.
create table clerk_sync_pending_deletions (
    user_id text collate "C" primary key,
    -- Unix milliseconds by this database's clock. Null: an operator cancelled it, and the row stays for good.
    due_at bigint
);

create index clerk_sync_pending_deletions_due on clerk_sync_pending_deletions (due_at);
