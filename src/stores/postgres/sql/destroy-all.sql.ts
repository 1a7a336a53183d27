/* Made from destroy-all.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const DESTROY_ALL_SQL = ({ SESSIONS, FIELD, WHICH }: { SESSIONS: string; FIELD: string; WHICH: string }): string => `








DELETE FROM ${SESSIONS} WHERE id = ANY (ARRAY(
SELECT id FROM ${SESSIONS} WHERE ${FIELD} = :value::jsonb AND ${WHICH} AND id IS DISTINCT FROM :except
ORDER BY id LIMIT :limit FOR UPDATE
))`
