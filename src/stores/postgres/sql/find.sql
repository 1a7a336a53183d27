-- In:  :value  as JSON
-- Out: the live sessions that hold this value at the field
--
-- @takes SESSIONS, FIELD, ANSWER
-- @from ../answers.ts NOW
SELECT ANSWER AS answer FROM SESSIONS AS s WHERE FIELD = :value::jsonb AND s.expires > NOW
