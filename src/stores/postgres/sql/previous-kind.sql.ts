/* Made from previous-kind.sql by "npm run languages": change that file. */ export const PREVIOUS_KIND_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `


ALTER TABLE ${SESSIONS} ADD COLUMN IF NOT EXISTS previous_kind text COLLATE "C";`
