/* Made from before.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const BEFORE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `



FROM (SELECT id, data FROM ${SESSIONS} WHERE id = :id FOR UPDATE) AS before`
