-- In:  :value  as JSON
-- Out: the ids of the sessions that hold this value at the field, in their order
--
-- @takes SESSIONS, FIELD, ANSWER
SELECT ANSWER AS answer FROM SESSIONS AS s WHERE FIELD = :value::jsonb
