/* Made from find.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const FIND_SQL = ({ SESSIONS, FIELD, ANSWER }: { SESSIONS: string; FIELD: string; ANSWER: string }): string => `







SELECT ${ANSWER} AS answer FROM (
SELECT * FROM ${SESSIONS} WHERE ${FIELD} = :value::jsonb AND id > :after AND expires > ${NOW}
AND (:maxLifetime::float8 IS NULL OR created + :maxLifetime::float8 * interval '1 millisecond' > ${NOW})
ORDER BY id LIMIT :limit
) AS s ORDER BY s.id`
import { NOW } from '../answers.ts'
