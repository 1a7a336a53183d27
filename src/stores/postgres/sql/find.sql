-- In:  :value        as JSON
--      :maxLifetime  in milliseconds, or null
--      :after        an id
--      :limit        how many sessions
-- Out: the live sessions that hold this value at the field and whose ids come after that one
--
-- @takes SESSIONS, FIELD, ANSWER
-- @from ../answers.ts NOW
SELECT ANSWER AS answer FROM (
  SELECT * FROM SESSIONS WHERE FIELD = :value::jsonb AND id > :after AND expires > NOW
    AND (:maxLifetime::float8 IS NULL OR created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
  ORDER BY id LIMIT :limit
) AS s ORDER BY s.id
