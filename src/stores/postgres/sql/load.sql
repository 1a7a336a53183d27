-- In:  :id
-- Out: the session as it is stored, live or not
--
-- @takes SESSIONS, ANSWER
SELECT ANSWER AS answer FROM SESSIONS AS s WHERE s.id = :id
