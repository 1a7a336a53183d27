-- An index of one field. By hash, because a B-tree refuses values of a few kilobytes, and with them the session.
--
-- @takes SESSIONS, INDEX_NAME, FIELD
CREATE INDEX IF NOT EXISTS INDEX_NAME ON SESSIONS USING hash (FIELD) WHERE FIELD IS NOT NULL;
