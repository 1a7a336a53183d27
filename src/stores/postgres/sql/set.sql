-- The data after a chain that sets fields of the top, by jsonb's own operator.
--
-- In:  :set       the fields, as an object
--      :maxBytes  see fits.sql
-- Out: the data, or what OTHERWISE says if they are too large
--
-- `|| '{}'` unpacks data that may be stored compressed. OFFSET 0 keeps them unpacked; without it the planner would unpack
-- them at every use.
--
-- @takes OTHERWISE
(SELECT CASE
  WHEN
    -- @include fits.sql
  THEN data || :set::jsonb
  ELSE OTHERWISE END
FROM (SELECT s.data || '{}' AS data OFFSET 0) AS old)
