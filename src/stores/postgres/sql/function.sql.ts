/* Made from function.sql by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const FUNCTION_SQL = ({ APPLY }: { APPLY: string }): string => `






${APPLY}(s.data, :chain::jsonb, ${NOW_MS}, :maxBytes::integer)`
import { NOW_MS } from '../answers.ts'
