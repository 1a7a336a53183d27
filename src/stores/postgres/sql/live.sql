-- Whether a session is live and this access is proven.
--
-- In:  :id
--      :hash         of the visitor's secret, or null
--      :created      if there is no hash: when the session that the request has loaded was created
--      :maxLifetime  in milliseconds, or null
s.id = :id AND s.expires > NOW
AND (s.hash = :hash::text OR s.previous = :hash AND s.previous_until > NOW
  OR s.created = to_timestamp(0) + :created::float8 * interval '1 millisecond')
AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
