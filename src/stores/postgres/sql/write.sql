-- Writes what the oracle has made of a session that was read, if nothing has changed since in what it judged. No operation
-- was applied since either, because the remembered ones are compared too.
--
-- In:  :id
--      :wasVersion, :wasHash, :wasKind, :wasExpires, :wasMaxAge, :wasOps   as read
--      :set, :unset   fields of the top: an object, and a list of names
--      :version, :expires, :maxAge, :authAt, :hash, :previous, :until, :kind, :rotated, :epoch, :ops, :remembered, :device
--                     what is stored from now on; times in milliseconds
--
-- @takes SESSIONS
-- @from ../answers.ts NOW
UPDATE SESSIONS AS s SET
  data = (s.data - :unset::text[]) || :set::jsonb,
  version = :version,
  expires = to_timestamp(0) + :expires::float8 * interval '1 millisecond',
  max_age = :maxAge::float8,
  auth_at = to_timestamp(0) + :authAt::float8 * interval '1 millisecond',
  hash = :hash,
  previous = :previous,
  previous_until = to_timestamp(0) + :until::float8 * interval '1 millisecond',
  previous_kind = :kind,
  rotated = to_timestamp(0) + :rotated::float8 * interval '1 millisecond',
  epoch = :epoch,
  ops = :ops,
  remembered = :remembered,
  device = :device
WHERE s.id = :id AND s.expires > NOW
  AND s.version = :wasVersion
  AND s.hash = :wasHash
  AND s.previous_kind IS NOT DISTINCT FROM :wasKind::text
  AND s.expires = to_timestamp(0) + :wasExpires::float8 * interval '1 millisecond'
  AND s.max_age IS NOT DISTINCT FROM :wasMaxAge::float8
  AND s.ops = :wasOps
