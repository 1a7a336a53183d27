/* Made from complete.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const COMPLETE_SQL: string = `







SELECT json_build_array(
(SELECT relkind FROM pg_class WHERE oid = to_regclass(:table)),
(SELECT json_object_agg(attname, format_type(atttypid, NULL)) FROM pg_attribute
WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped),
(SELECT coalesce(json_agg(c.relname), '[]') FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(:table) AND c.relname = ANY(:indexes::name[]) AND i.indisvalid),
EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure(:function) AND prosrc = :body)
) AS answer`
