-- Removes a live session if the access is proven, see live.sql. Here the secret before the last rotation counts for as long
-- as the session lives: a log-out must never be too late.
--
-- In:  :id, :hash, :created, :maxLifetime
--
-- @takes SESSIONS
-- @from ../answers.ts NOW
DELETE FROM SESSIONS AS s
WHERE s.id = :id AND s.expires > NOW
  AND (s.hash = :hash::text OR s.previous = :hash
    OR s.created = to_timestamp(0) + :created::float8 * interval '1 millisecond')
  AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
