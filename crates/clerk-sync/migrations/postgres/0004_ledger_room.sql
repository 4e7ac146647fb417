-- Every change of a user is a change of its entry. Where there is room for the new version on the page of the old one, and
-- no index is over what changes, PostgreSQL leaves the indexes alone. Pages that are full already get that room as their
-- entries change.
alter table clerk_sync_users set (fillfactor = 50);

drop index clerk_sync_users_gone;

create index clerk_sync_users_gone on clerk_sync_users (user_id) where state = 2;
