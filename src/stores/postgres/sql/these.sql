-- In:  :ids
-- Out: the sessions with these ids, in their order
--
-- @takes SESSIONS, ANSWER
SELECT ANSWER AS answer FROM SESSIONS AS s WHERE s.id = ANY (:ids::text[]) ORDER BY s.id
