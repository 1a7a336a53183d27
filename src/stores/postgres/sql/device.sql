-- A table of a version that did not know it yet.
--
-- @takes SESSIONS
ALTER TABLE SESSIONS ADD COLUMN IF NOT EXISTS device text COLLATE "C";
