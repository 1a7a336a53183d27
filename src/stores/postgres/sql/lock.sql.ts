/* Made from lock.sql by "npm run languages": change that file. */ export const LOCK_SQL: string = `


SELECT pg_advisory_xact_lock(hashtext('koa-atomic-session'));

SELECT set_config('lock_timeout', '3s', true);`
