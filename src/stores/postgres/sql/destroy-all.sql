-- Removes sessions that hold a value at the field. Those that it waits for are looked at again, so fewer than the limit
-- say that none is left. All who remove take them in one order, so two of them do not wait for each other.
--
-- In:  :value   as JSON
--      :except  the id of the session that stays, or null
--      :limit   how many at most
--      WHICH    a condition on the id, with its parameter
--
-- @takes SESSIONS, FIELD, WHICH
DELETE FROM SESSIONS WHERE id = ANY (ARRAY(
  SELECT id FROM SESSIONS WHERE FIELD = :value::jsonb AND WHICH AND id IS DISTINCT FROM :except
  ORDER BY id LIMIT :limit FOR UPDATE
))
