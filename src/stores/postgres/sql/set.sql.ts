/* Made from set.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const SET_SQL = ({ OTHERWISE }: { OTHERWISE: string }): string => `









(SELECT CASE
WHEN


(pg_column_size(data) <= :maxBytes::integer / 32 OR octet_length(data::text) <= :maxBytes::integer)
THEN data || :set::jsonb
ELSE ${OTHERWISE} END
FROM (SELECT s.data || '{}' AS data OFFSET 0) AS old)`
