-- In:  :value        as JSON
--      :maxLifetime  in milliseconds, or null
--      :limit        how many sessions
--      WHICH         a condition on the id, with its parameter
-- Out: the live sessions that hold this value at the field, and whose ids are those
--
-- @takes SESSIONS, FIELD, WHICH, ANSWER
-- @from ../answers.ts NOW
SELECT ANSWER AS answer FROM (
  SELECT * FROM SESSIONS WHERE FIELD = :value::jsonb AND WHICH AND expires > NOW
    AND (:maxLifetime::float8 IS NULL OR created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
  ORDER BY id LIMIT :limit
) AS s ORDER BY s.id
