-- By which expired sessions are found.
--
-- @takes SESSIONS, INDEX_NAME
CREATE INDEX IF NOT EXISTS INDEX_NAME ON SESSIONS (expires);
