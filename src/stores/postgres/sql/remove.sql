-- Removes the session that was read and judged, unless it has changed since in what was judged.
--
-- In:  :id, :hash, :kind   as read
--
-- @takes SESSIONS
DELETE FROM SESSIONS AS s WHERE s.id = :id AND s.hash = :hash AND s.previous_kind IS NOT DISTINCT FROM :kind::text
