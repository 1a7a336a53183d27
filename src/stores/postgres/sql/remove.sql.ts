/* Made from remove.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const REMOVE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `




DELETE FROM ${SESSIONS} AS s WHERE s.id = :id AND s.hash = :hash AND s.previous_kind IS NOT DISTINCT FROM :kind::text`
