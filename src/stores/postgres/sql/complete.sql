-- What is there of the table, its indexes and the function. Reads the catalogue only: it needs no right to create, and takes
-- no lock that anybody waits for.
--
-- In:  :table, :function   their quoted names
--      :indexes            names
--      :body               of the function
-- Out: the kind of the relation, null if there is none; its columns' types by name, null if it is none with columns; which
--      of the indexes are there and valid; whether the function is there with this body
SELECT json_build_array(
  (SELECT relkind FROM pg_class WHERE oid = to_regclass(:table)),
  (SELECT json_object_agg(attname, format_type(atttypid, NULL)) FROM pg_attribute
    WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped),
  (SELECT coalesce(json_agg(c.relname), '[]') FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass(:table) AND c.relname = ANY(:indexes::name[]) AND i.indisvalid),
  EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure(:function) AND prosrc = :body)
) AS answer
