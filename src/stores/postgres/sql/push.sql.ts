/* Made from push.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const PUSH_SQL = ({ OTHERWISE }: { OTHERWISE: string }): string => `







(SELECT CASE
WHEN CASE WHEN


(pg_column_size(data) <= :maxBytes::integer / 32 OR octet_length(data::text) <= :maxBytes::integer)
AND jsonb_typeof(list) = 'array'
THEN jsonb_array_length(list) <= :room::integer + 1 END
THEN data || :set::jsonb || jsonb_build_object(:list::text,
CASE WHEN jsonb_array_length(list) > :room::integer THEN list - 0 ELSE list END || :added::jsonb)
ELSE ${OTHERWISE} END
FROM (
SELECT data, coalesce(data -> :list::text, '[]') AS list
FROM (SELECT s.data || '{}' AS data OFFSET 0) AS whole
) AS old)`
