/* Made from candidates.sql by "npm run languages": change that file. */ export const CANDIDATES_SQL = ({ SESSIONS, FIELD, ANSWER }: { SESSIONS: string; FIELD: string; ANSWER: string }): string => `



SELECT ${ANSWER} AS answer FROM ${SESSIONS} AS s WHERE ${FIELD} = :value::jsonb`
