-- Everything that an update can be.
--
-- In:  what live.sql and DATA take; the chain is null if there is none
--      :op             the operation's id
--      :touch          whether it moves the expiry and does nothing else: then it is not remembered, and only applies if
--                      it is due, or notes the first use of the secret
--      :changes        1 if it changes the data, else 0
--      :idle           the application's idle time in milliseconds
--      :atLeast        the expiry moves by at least this many milliseconds, or not at all
--      :maxAge         the session's own idle time from now on; null: as it is, negative: none
--      :to, :grace, :epoch   the rotation, or null; without an epoch it is an automatic one
--      :authenticated  whether the visitor has just proven who they are
--      :repeatedSince  since when it may have been sent before, or null
--      :wanted, :held, :remembers  see UPDATED in ../answers.ts
-- Out: the session after the change; no row if it was not applied
--
-- @takes SESSIONS, DATA, FROM_BEFORE, ANSWER
-- @from ../answers.ts NOW, NOW_MS
-- @from ../../../contract/store.ts REMEMBERED_OPS
UPDATE SESSIONS AS s SET
  data = CASE WHEN :chain::jsonb IS NULL THEN s.data ELSE DATA END,
  version = s.version + :changes::integer,
  max_age =
    -- @include max-age.sql
    ,
  expires = CASE WHEN
    -- @include due.sql
    THEN NOW + coalesce(
      -- @include max-age.sql
      , :idle::float8) * interval '1 millisecond'
    ELSE s.expires END,
  auth_at = CASE WHEN :authenticated::boolean THEN NOW ELSE s.auth_at END,
  device = CASE WHEN NOT :authenticated THEN s.device END,
  hash = coalesce(:to::text, s.hash),
  previous = CASE WHEN :to IS NULL THEN s.previous ELSE s.hash END,
  previous_until = CASE WHEN :to IS NULL THEN s.previous_until ELSE NOW + :grace::float8 * interval '1 millisecond' END,
  previous_kind = CASE WHEN :to IS NULL THEN
    -- @include noting.sql
    WHEN :epoch::text IS NULL THEN 'unused' ELSE 'explicit' END,
  rotated = CASE WHEN :to IS NULL THEN s.rotated ELSE NOW END,
  epoch = coalesce(:epoch::text, s.epoch),
  ops = CASE WHEN :touch::boolean THEN s.ops ELSE
    -- @include remembering.sql
    END,
  remembered = CASE WHEN :touch::boolean THEN s.remembered ELSE least(s.remembered + 1, REMEMBERED_OPS) END
FROM_BEFORE
WHERE
  -- @include live.sql
  AND CASE WHEN :touch::boolean THEN s.previous_kind = 'unused' OR
    -- @include due.sql
    ELSE strpos(' ' || s.ops, ' ' || :op::text || '@') = 0 END
  AND (:repeatedSince::float8 IS NULL OR :touch::boolean OR s.remembered < REMEMBERED_OPS
    OR split_part(split_part(s.ops, ' ', 1), '@', 2)::float8 < :repeatedSince)
RETURNING ANSWER AS answer
