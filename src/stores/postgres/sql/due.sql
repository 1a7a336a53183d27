-- Whether the expiry is to move.
(:maxAge::float8 IS NOT NULL OR NOW + coalesce(
-- @include max-age.sql
, :idle::float8) * interval '1 millisecond' - s.expires >= :atLeast::float8 * interval '1 millisecond')
