/* Made from table.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const TABLE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `

CREATE TABLE IF NOT EXISTS ${SESSIONS} (
  id text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL,         -- SHA-256 of the secret in the visitor's cookie
  previous text COLLATE "C",              -- the one before the last rotation,
  previous_until timestamptz(3),          -- when its grace ends,
  previous_kind text COLLATE "C",         -- and how it was replaced: explicit, unused or used
  data jsonb NOT NULL,                    -- a date is {"$date": milliseconds}
  version integer NOT NULL,
  created timestamptz(3) NOT NULL,
  expires timestamptz(3) NOT NULL,
  max_age double precision,               -- milliseconds, null: the application's
  auth_at timestamptz(3),
  rotated timestamptz(3) NOT NULL,
  epoch text COLLATE "C" NOT NULL,        -- part of every CSRF token's MAC
  ops text COLLATE "C" NOT NULL,          -- the ids and times of the last 16 changes,
  remembered smallint NOT NULL,           -- and how many they are
  device text COLLATE "C"                 -- JSON: the device that the session is bound to
) WITH (fillfactor = 80);`
