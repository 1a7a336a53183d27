/* Made from these.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const THESE_SQL = ({ SESSIONS, ANSWER }: { SESSIONS: string; ANSWER: string }): string => `



SELECT ${ANSWER} AS answer FROM ${SESSIONS} AS s WHERE s.id = ANY (:ids::text[]) ORDER BY s.id`
