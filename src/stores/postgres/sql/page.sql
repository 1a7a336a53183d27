-- In:  :last   an id
--      :limit  how many sessions
-- Out: the live sessions whose ids come after that one
--
-- @takes SESSIONS, ANSWER
-- @from ../answers.ts NOW
SELECT ANSWER AS answer FROM SESSIONS AS s WHERE s.id > :last AND s.expires > NOW ORDER BY s.id LIMIT :limit
