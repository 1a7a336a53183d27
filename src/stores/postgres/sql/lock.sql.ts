/* Made from lock.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const LOCK_SQL: string = `


SELECT pg_advisory_xact_lock(hashtext('koa-atomic-session'));

SELECT set_config('lock_timeout', '3s', true);`
