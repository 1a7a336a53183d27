/* Made from destroy.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const DESTROY_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `





DELETE FROM ${SESSIONS} AS s
WHERE s.id = :id AND s.expires > ${NOW}
AND (s.hash = :hash::text
OR :hash IS NULL AND s.created = to_timestamp(0) + :created::float8 * interval '1 millisecond')
AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > ${NOW})`
import { NOW } from '../answers.ts'
