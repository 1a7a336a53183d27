/* Made from expires-index.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const EXPIRES_INDEX_SQL = ({ SESSIONS, INDEX_NAME }: { SESSIONS: string; INDEX_NAME: string }): string => `


CREATE INDEX IF NOT EXISTS ${INDEX_NAME} ON ${SESSIONS} (expires);`
