/* Made from inc.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const INC_SQL = ({ OTHERWISE }: { OTHERWISE: string }): string => `









(SELECT CASE
WHEN CASE WHEN


(pg_column_size(data) <= :maxBytes::integer / 32 OR octet_length(data::text) <= :maxBytes::integer)
AND number BETWEEN '-1000000000000000' AND '1000000000000000'
THEN scale(number::numeric) = 0 END
THEN data || :set::jsonb || jsonb_build_object(:counter::text, number::numeric + :by::numeric)
ELSE ${OTHERWISE} END
FROM (
SELECT data, coalesce(data -> :counter::text, '0') AS number
FROM (SELECT s.data || '{}' AS data OFFSET 0) AS whole
) AS old)`
