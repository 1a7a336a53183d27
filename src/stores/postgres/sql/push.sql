-- As set.sql, and a list is appended to a field.
--
-- In:  :list   the field
--      :added  the new elements
--      :room   how many old elements may stay
-- Out: the data, or what OTHERWISE says if the field does not hold a list, or the list loses more than one element
--
-- @takes OTHERWISE
(SELECT CASE
  WHEN CASE WHEN
    -- @include fits.sql
    AND jsonb_typeof(list) = 'array'
    THEN jsonb_array_length(list) <= :room::integer + 1 END
  THEN data || :set::jsonb || jsonb_build_object(:list::text,
    CASE WHEN jsonb_array_length(list) > :room::integer THEN list - 0 ELSE list END || :added::jsonb)
  ELSE OTHERWISE END
FROM (
  SELECT data, coalesce(data -> :list::text, '[]') AS list
  FROM (SELECT s.data || '{}' AS data OFFSET 0) AS whole
) AS old)
