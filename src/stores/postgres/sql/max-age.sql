-- The session's own idle time after the update, or null.
CASE WHEN :maxAge::float8 IS NULL THEN s.max_age WHEN :maxAge >= 0 THEN :maxAge END
