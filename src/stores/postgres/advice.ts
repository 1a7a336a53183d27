/** What an operator or a developer does about an error of PostgreSQL, by its SQLSTATE; undefined where nobody can tell. */
export function adviceFor(error: unknown): string | undefined {
  const { code, message = '' } = error as { code?: string; message?: string }
  return ADVICE[String(code)]?.(message)
}

const setUp = () => 'call await sessions.ensureIndex() once'
const pooler = () => 'a pooler that keeps no prepared statements is in between: use postgres(pool, { prepared: false })'
const columns = () =>
  'the table is from another version: await sessions.ensureIndex() updates it, or says what is wrong'

const ADVICE: Readonly<Record<string, (message: string) => string>> = {
  // undefined_table, invalid_schema_name
  '42P01': setUp,
  '3F000': setUp,
  // undefined_function: also an operator that a column's type does not have
  '42883': (message) => (message.startsWith('operator') ? columns() : setUp()),
  // undefined_column, datatype_mismatch, undefined_object
  '42703': columns,
  '42804': columns,
  // invalid_sql_statement_name, duplicate_prepared_statement
  '26000': pooler,
  '42P05': pooler,
  // insufficient_privilege
  '42501': () => 'docs/stores/postgres.md lists the rights',
  // read_only_sql_transaction
  '25006': () => 'this is a standby, or set to read only: connect to the primary server',
}
