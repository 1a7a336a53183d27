/* Made from previous-kind.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const PREVIOUS_KIND_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `


ALTER TABLE ${SESSIONS} ADD COLUMN IF NOT EXISTS previous_kind text COLLATE "C";`
