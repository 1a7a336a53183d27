-- What is kept of a session besides its data: a JSON list in the hash field $m. Each item is JSON text, and all but the
-- last are without a comma. To add one, add a line here, give it a value in create.lua, and read it in stored.ts.
--
-- What a load looks at is in front: how many fields are apart, and version, last and created, which name the data.
-- @names meta
local
  apart,        -- how many fields of the data are stored apart
  version,      -- counts the changes of the data, from 1
  last,         -- the last operation, in quotes; empty before the first. Those before it are in $o
  created,      -- when the session's lifetime began
  size,         -- bytes of the data
  remembered,   -- how many operations are remembered
  lastAt,       -- when the last of them was applied, or 0
  expires,      -- when the session ends
  maxAge,       -- its own idle time, or null
  horizon,      -- until when the index has its values, or null where nothing limits it
  hash,         -- SHA-256 of the session's secret, in quotes
  previousKind, -- how the secret before was replaced, in quotes, or null: see PreviousSecret in record.ts
  fixed         -- what most changes leave as it is, a list

-- @names fixed
local
  authAt,        -- when the visitor last logged in, or null
  rotated,       -- when the secret was last renewed
  epoch,         -- part of every CSRF token, in quotes; empty until the first explicit rotation
  previous,      -- the hash of the secret before the last rotation, in quotes, or 0
  previousUntil, -- when the grace of that secret ends, or 0
  device         -- that the session is bound to, an object, or 0. It is the last: see isBound in update.lua
