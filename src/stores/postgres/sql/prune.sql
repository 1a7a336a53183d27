-- Removes sessions that have expired, but for those that another transaction holds.
--
-- In:  :limit  how many at most
--
-- @takes SESSIONS
-- @from ../answers.ts NOW
DELETE FROM SESSIONS WHERE id IN (
  SELECT id FROM SESSIONS WHERE expires <= NOW ORDER BY expires LIMIT :limit FOR UPDATE SKIP LOCKED
)
