-- Whether everything of schema.sql is there. Reads the catalogue only: it needs no right to create, and takes no lock that
-- anybody waits for.
--
-- In:  :table, :function   their quoted names
--      :columns, :indexes  names
--      :body               of the function
SELECT json_build_array(
  (SELECT count(*) FROM pg_attribute
    WHERE attrelid = to_regclass(:table) AND attname = ANY(:columns::name[]) AND NOT attisdropped)
    = cardinality(:columns)
  AND (SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass(:table) AND c.relname = ANY(:indexes::name[]) AND i.indisvalid)
    = cardinality(:indexes::name[])
  AND EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure(:function) AND prosrc = :body)
) AS answer
