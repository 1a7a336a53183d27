/* Made from page.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const PAGE_SQL = ({ SESSIONS, ANSWER }: { SESSIONS: string; ANSWER: string }): string => `





SELECT ${ANSWER} AS answer FROM ${SESSIONS} AS s WHERE s.id > :last AND s.expires > ${NOW} ORDER BY s.id LIMIT :limit`
import { NOW } from '../answers.ts'
