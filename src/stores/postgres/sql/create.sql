-- Inserts a session, unless its id is taken.
--
-- In:  :id, :hash, :data
--      :created        when its lifetime began, in milliseconds; null: now
--      :maxAge         its own idle time in milliseconds, or null
--      :idle           the application's idle time
--      :authenticated  whether the visitor has proven who they are
--      :authAt         when that was, in milliseconds; null: now
--      :dates          commands of currentDate, as a chain for the function; null if there are none
-- Out: the session as it is stored; no row if the id is taken
--
-- @takes SESSIONS, APPLY, ANSWER
-- @from ../answers.ts NOW, NOW_MS
INSERT INTO SESSIONS AS s
  (id, hash, data, version, created, expires, max_age, auth_at, rotated, epoch, ops, remembered)
VALUES (
  :id,
  :hash,
  CASE WHEN :dates::jsonb IS NULL THEN :data::jsonb ELSE APPLY(:data::jsonb, :dates::jsonb, NOW_MS, NULL) END,
  1,
  coalesce(to_timestamp(0) + :created::float8 * interval '1 millisecond', NOW),
  NOW + coalesce(:maxAge::float8, :idle::float8) * interval '1 millisecond',
  :maxAge,
  CASE WHEN :authenticated::boolean THEN coalesce(to_timestamp(0) + :authAt::float8 * interval '1 millisecond', NOW) END,
  NOW,
  '',
  '',
  0
)
ON CONFLICT DO NOTHING
RETURNING ANSWER AS answer
