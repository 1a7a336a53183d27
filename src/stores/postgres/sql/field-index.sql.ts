/* Made from field-index.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const FIELD_INDEX_SQL = ({ SESSIONS, INDEX_NAME, FIELD }: { SESSIONS: string; INDEX_NAME: string; FIELD: string }): string => `


CREATE INDEX IF NOT EXISTS ${INDEX_NAME} ON ${SESSIONS} USING hash (${FIELD}) WHERE ${FIELD} IS NOT NULL;`
