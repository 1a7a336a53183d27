-- For an update whose answer carries what it has removed: the row is locked before it is read, so what is read is what the
-- update removes from.
--
-- @takes SESSIONS
FROM (SELECT id, data FROM SESSIONS WHERE id = :id FOR UPDATE) AS before
