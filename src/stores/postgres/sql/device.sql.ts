/* Made from device.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const DEVICE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `


ALTER TABLE ${SESSIONS} ADD COLUMN IF NOT EXISTS device text COLLATE "C";`
