/* Made from schema.sql by "npm run languages": change that file. */ export const SCHEMA_SQL = ({ SESSIONS, EXPIRES_INDEX, APPLY_FUNCTION, FIELD_INDEXES }: { SESSIONS: string; EXPIRES_INDEX: string; APPLY_FUNCTION: string; FIELD_INDEXES: string }): string => `




SELECT pg_advisory_xact_lock(hashtext('koa-atomic-session'));

SELECT set_config('lock_timeout', '3s', true);
CREATE TABLE IF NOT EXISTS ${SESSIONS} (
id text COLLATE "C" PRIMARY KEY,
hash text COLLATE "C" NOT NULL,
previous text COLLATE "C",
previous_until timestamptz(3),
previous_kind text COLLATE "C",
data jsonb NOT NULL,
version integer NOT NULL,
created timestamptz(3) NOT NULL,
expires timestamptz(3) NOT NULL,
max_age double precision,
auth_at timestamptz(3),
rotated timestamptz(3) NOT NULL,
epoch text COLLATE "C" NOT NULL,
ops text COLLATE "C" NOT NULL,
remembered smallint NOT NULL
) WITH (fillfactor = 80);
ALTER TABLE ${SESSIONS} ADD COLUMN IF NOT EXISTS previous_kind text COLLATE "C";
CREATE INDEX IF NOT EXISTS ${EXPIRES_INDEX} ON ${SESSIONS} (expires);
${FIELD_INDEXES}
${APPLY_FUNCTION}`
