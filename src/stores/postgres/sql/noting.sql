-- How the secret before was replaced, after an update by the live one: that notes that the live one has arrived.
CASE WHEN s.previous_kind = 'unused' THEN 'used' ELSE s.previous_kind END
