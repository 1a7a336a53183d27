/* Made from create.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const CREATE_SQL = ({ SESSIONS, APPLY, ANSWER }: { SESSIONS: string; APPLY: string; ANSWER: string }): string => `












INSERT INTO ${SESSIONS} AS s
(id, hash, data, version, created, expires, max_age, auth_at, rotated, epoch, ops, remembered)
VALUES (
:id,
:hash,
CASE WHEN :dates::jsonb IS NULL THEN :data::jsonb ELSE ${APPLY}(:data::jsonb, :dates::jsonb, ${NOW_MS}, NULL) END,
1,
coalesce(to_timestamp(0) + :created::float8 * interval '1 millisecond', ${NOW}),
${NOW} + coalesce(:maxAge::float8, :idle::float8) * interval '1 millisecond',
:maxAge,
CASE WHEN :authenticated::boolean THEN coalesce(to_timestamp(0) + :authAt::float8 * interval '1 millisecond', ${NOW}) END,
${NOW},
'',
'',
0
)
ON CONFLICT DO NOTHING
RETURNING ${ANSWER} AS answer`
import { NOW, NOW_MS } from '../answers.ts'
