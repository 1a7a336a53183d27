/* Made from prune.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const PRUNE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `





DELETE FROM ${SESSIONS} WHERE id IN (
SELECT id FROM ${SESSIONS} WHERE expires <= ${NOW} ORDER BY expires LIMIT :limit FOR UPDATE SKIP LOCKED
)`
import { NOW } from '../answers.ts'
