-- What set-up begins with.
--
-- CREATE … IF NOT EXISTS fails if two run at the same moment.
SELECT pg_advisory_xact_lock(hashtext('koa-atomic-session'));
-- While this waits for the table, every session waits behind it.
SELECT set_config('lock_timeout', '3s', true);
