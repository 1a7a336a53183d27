-- Whether a session is live, and its live secret is the one that the request holds. By far most requests hold that one. It
-- tells the session and its epoch too, so what the request has seen besides is not compared.
--
-- In:  :id
--      :hash         of the visitor's secret
--      :maxLifetime  in milliseconds, or null
--      :bound        whether it has shown that it comes from the session's device
s.id = :id AND s.expires > NOW AND s.hash = :hash::text AND (s.device IS NULL OR :bound::boolean)
AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > NOW)
