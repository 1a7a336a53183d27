-- Removes a live session by its live secret, or for whoever looks after the store and comes with `created` alone.
--
-- In:  :id, :hash, :created, :maxLifetime
--
-- @takes SESSIONS
-- @from ../answers.ts NOW
DELETE FROM SESSIONS AS s
WHERE s.id = :id AND s.expires > NOW
  AND (s.hash = :hash::text
    OR :hash IS NULL AND s.created = to_timestamp(0) + :created::float8 * interval '1 millisecond')
  AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
