-- Removes the sessions that hold a value at the field.
--
-- In:  :value   as JSON
--      :except  the id of the session that stays, or null
--
-- @takes SESSIONS, FIELD
DELETE FROM SESSIONS WHERE FIELD = :value::jsonb AND id IS DISTINCT FROM :except
