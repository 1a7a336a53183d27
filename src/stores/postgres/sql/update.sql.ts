/* Made from update.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const UPDATE_SQL = ({ SESSIONS, DATA, FROM_BEFORE, ANSWER }: { SESSIONS: string; DATA: string; FROM_BEFORE: string; ANSWER: string }): string => `


















UPDATE ${SESSIONS} AS s SET
data = CASE WHEN :chain::jsonb IS NULL THEN s.data ELSE ${DATA} END,
version = s.version + :changes::integer,
max_age =

CASE WHEN :maxAge::float8 IS NULL THEN s.max_age WHEN :maxAge >= 0 THEN :maxAge END
,
expires = CASE WHEN

(:maxAge::float8 IS NOT NULL OR ${NOW} + coalesce(

CASE WHEN :maxAge::float8 IS NULL THEN s.max_age WHEN :maxAge >= 0 THEN :maxAge END
, :idle::float8) * interval '1 millisecond' - s.expires >= :atLeast::float8 * interval '1 millisecond')
THEN ${NOW} + coalesce(

CASE WHEN :maxAge::float8 IS NULL THEN s.max_age WHEN :maxAge >= 0 THEN :maxAge END
, :idle::float8) * interval '1 millisecond'
ELSE s.expires END,
auth_at = CASE WHEN :authenticated::boolean THEN ${NOW} ELSE s.auth_at END,
device = CASE WHEN NOT :authenticated THEN s.device END,
hash = coalesce(:to::text, s.hash),
previous = CASE WHEN :to IS NULL THEN s.previous ELSE s.hash END,
previous_until = CASE WHEN :to IS NULL THEN s.previous_until ELSE ${NOW} + :grace::float8 * interval '1 millisecond' END,
previous_kind = CASE WHEN :to IS NULL THEN

CASE WHEN s.previous_kind = 'unused' THEN 'used' ELSE s.previous_kind END
WHEN :epoch::text IS NULL THEN 'unused' ELSE 'explicit' END,
rotated = CASE WHEN :to IS NULL THEN s.rotated ELSE ${NOW} END,
epoch = coalesce(:epoch::text, s.epoch),
ops = CASE WHEN :touch::boolean THEN s.ops ELSE


CASE WHEN s.remembered < ${REMEMBERED_OPS} THEN s.ops ELSE substr(s.ops, strpos(s.ops, ' ') + 1) END
|| :op || '@' || greatest(${NOW_MS} || ' ', right(s.ops, 14))
END,
remembered = CASE WHEN :touch::boolean THEN s.remembered ELSE least(s.remembered + 1, ${REMEMBERED_OPS}) END
${FROM_BEFORE}
WHERE







s.id = :id AND s.expires > ${NOW} AND s.hash = :hash::text AND (s.device IS NULL OR :bound::boolean)
AND (:maxLifetime::float8 IS NULL OR s.created + :maxLifetime::float8 * interval '1 millisecond' > ${NOW})
AND CASE WHEN :touch::boolean THEN s.previous_kind = 'unused' OR

(:maxAge::float8 IS NOT NULL OR ${NOW} + coalesce(

CASE WHEN :maxAge::float8 IS NULL THEN s.max_age WHEN :maxAge >= 0 THEN :maxAge END
, :idle::float8) * interval '1 millisecond' - s.expires >= :atLeast::float8 * interval '1 millisecond')
ELSE strpos(' ' || s.ops, ' ' || :op::text || '@') = 0 END
AND (:repeatedSince::float8 IS NULL OR :touch::boolean OR s.remembered < ${REMEMBERED_OPS}
OR split_part(split_part(s.ops, ' ', 1), '@', 2)::float8 < :repeatedSince)
RETURNING ${ANSWER} AS answer`
import { NOW, NOW_MS } from '../answers.ts'
import { REMEMBERED_OPS } from '../../../contract/store.ts'
