/* Made from candidates.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const CANDIDATES_SQL = ({ SESSIONS, FIELD, ANSWER }: { SESSIONS: string; FIELD: string; ANSWER: string }): string => `



SELECT ${ANSWER} AS answer FROM ${SESSIONS} AS s WHERE ${FIELD} = :value::jsonb`
