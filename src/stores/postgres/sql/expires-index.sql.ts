/* Made from expires-index.sql by "npm run languages": change that file. */ export const EXPIRES_INDEX_SQL = ({ SESSIONS, INDEX_NAME }: { SESSIONS: string; INDEX_NAME: string }): string => `


CREATE INDEX IF NOT EXISTS ${INDEX_NAME} ON ${SESSIONS} (expires);`
