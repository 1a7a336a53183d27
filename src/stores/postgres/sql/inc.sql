-- As set.sql, and a whole number is added to a field.
--
-- In:  :counter  the field
--      :by       the number that is added
-- Out: the data, or what OTHERWISE says if the field does not hold a whole number up to 1e15: up to there, sums are the
--      same as doubles and as decimals
--
-- Within an AND, PostgreSQL may begin with anything: what fails on other types is behind a CASE.
--
-- @takes OTHERWISE
(SELECT CASE
  WHEN CASE WHEN
    -- @include fits.sql
    AND number BETWEEN '-1000000000000000' AND '1000000000000000'
    THEN scale(number::numeric) = 0 END
  THEN data || :set::jsonb || jsonb_build_object(:counter::text, number::numeric + :by::numeric)
  ELSE OTHERWISE END
FROM (
  SELECT data, coalesce(data -> :counter::text, '0') AS number
  FROM (SELECT s.data || '{}' AS data OFFSET 0) AS whole
) AS old)
