/* Made from write.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const WRITE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `










UPDATE ${SESSIONS} AS s SET
data = (s.data - :unset::text[]) || :set::jsonb,
version = :version,
expires = to_timestamp(0) + :expires::float8 * interval '1 millisecond',
max_age = :maxAge::float8,
auth_at = to_timestamp(0) + :authAt::float8 * interval '1 millisecond',
hash = :hash,
previous = :previous,
previous_until = to_timestamp(0) + :until::float8 * interval '1 millisecond',
previous_kind = :kind,
rotated = to_timestamp(0) + :rotated::float8 * interval '1 millisecond',
epoch = :epoch,
ops = :ops,
remembered = :remembered,
device = :device
WHERE s.id = :id AND s.expires > ${NOW}
AND s.version = :wasVersion
AND s.hash = :wasHash
AND s.previous_kind IS NOT DISTINCT FROM :wasKind::text
AND s.expires = to_timestamp(0) + :wasExpires::float8 * interval '1 millisecond'
AND s.max_age IS NOT DISTINCT FROM :wasMaxAge::float8
AND s.ops = :wasOps`
import { NOW } from '../answers.ts'
