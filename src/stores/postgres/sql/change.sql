-- A change of the data and nothing else, which is most of what applications do. PostgreSQL makes every expression of a text
-- ready at each execution, so what is not needed is not in the text: update.sql has everything.
--
-- In:  what live.sql and DATA take
--      :op        the operation's id
--      :idle      the application's idle time in milliseconds
--      :atLeast   the expiry moves by at least this many milliseconds, or not at all
--      :wanted, :held, :remembers   see UPDATED in ../answers.ts
-- Out: the session after the change; no row if it was not applied
--
-- @takes SESSIONS, DATA, ANSWER
-- @from ../answers.ts NOW, NOW_MS
-- @from ../../../contract/store.ts REMEMBERED_OPS
UPDATE SESSIONS AS s SET
  data = DATA,
  version = s.version + 1,
  expires = CASE
    WHEN NOW + coalesce(s.max_age, :idle::float8) * interval '1 millisecond' - s.expires
      >= :atLeast::float8 * interval '1 millisecond'
    THEN NOW + coalesce(s.max_age, :idle::float8) * interval '1 millisecond'
    ELSE s.expires END,
  previous_kind =
    -- @include noting.sql
    ,
  ops =
    -- @include remembering.sql
    ,
  remembered = least(s.remembered + 1, REMEMBERED_OPS)
WHERE
  -- @include live.sql
  AND strpos(' ' || s.ops, ' ' || :op::text || '@') = 0
RETURNING ANSWER AS answer
