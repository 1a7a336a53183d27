-- The remembered operations, with :op at their end. A time has thirteen digits until 2286. It is not before the last one,
-- even if this statement began before the last one's and then waited for the row.
CASE WHEN s.remembered < REMEMBERED_OPS THEN s.ops ELSE substr(s.ops, strpos(s.ops, ' ') + 1) END
|| :op || '@' || greatest(NOW_MS || ' ', right(s.ops, 14))
