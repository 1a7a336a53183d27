-- The data after a chain, by the function.
--
-- In:  :chain     as ../compile.ts writes it
--      :maxBytes  data of more bytes than this must not grow; null if the chain can't make them grow
--
-- @takes APPLY
-- @from ../answers.ts NOW_MS
APPLY(s.data, :chain::jsonb, NOW_MS, :maxBytes::integer)
