-- Whether unpacked data are not larger, as text, than :maxBytes. They are not printed if even thirty-two times their bytes
-- are fewer: a control character of one byte is printed as six, and 5e-324 of sixteen as 326.
(pg_column_size(data) <= :maxBytes::integer / 32 OR octet_length(data::text) <= :maxBytes::integer)
