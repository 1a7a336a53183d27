/* Made from change.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const CHANGE_SQL = ({ SESSIONS, DATA, ANSWER }: { SESSIONS: string; DATA: string; ANSWER: string }): string => `












UPDATE ${SESSIONS} AS s SET
data = ${DATA},
version = s.version + 1,
expires = CASE
WHEN ${NOW} + coalesce(s.max_age, :idle::float8) * interval '1 millisecond' - s.expires
>= :atLeast::float8 * interval '1 millisecond'
THEN ${NOW} + coalesce(s.max_age, :idle::float8) * interval '1 millisecond'
ELSE s.expires END,
previous_kind =

CASE WHEN s.previous_kind = 'unused' THEN 'used' ELSE s.previous_kind END
,
ops =


CASE WHEN s.remembered < ${REMEMBERED_OPS} THEN s.ops ELSE substr(s.ops, strpos(s.ops, ' ') + 1) END
|| :op || '@' || greatest(${NOW_MS} || ' ', right(s.ops, 14))
,
remembered = least(s.remembered + 1, ${REMEMBERED_OPS})
WHERE







s.id = :id AND s.expires > ${NOW} AND s.hash = :hash::text AND (s.device IS NULL OR :bound::boolean)
AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > ${NOW})
AND strpos(' ' || s.ops, ' ' || :op::text || '@') = 0
RETURNING ${ANSWER} AS answer`
import { NOW, NOW_MS } from '../answers.ts'
import { REMEMBERED_OPS } from '../../../contract/store.ts'
