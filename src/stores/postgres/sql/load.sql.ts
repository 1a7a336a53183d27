/* Made from load.sql by "npm run languages": change that file. */ export const LOAD_SQL = ({ SESSIONS, ANSWER }: { SESSIONS: string; ANSWER: string }): string => `



SELECT ${ANSWER} AS answer FROM ${SESSIONS} AS s WHERE s.id = :id`
