/* Made from device.sql by "npm run languages": change that file. */ export const DEVICE_SQL = ({ SESSIONS }: { SESSIONS: string }): string => `


ALTER TABLE ${SESSIONS} ADD COLUMN IF NOT EXISTS device text COLLATE "C";`
