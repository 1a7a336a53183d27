import { type Kind, kinds } from '../security/stores.ts'

/** The stores on which middlewares are tried. */
export function storesOf(table: string): Kind[] {
  return kinds(table).filter(({ name, missing }) => name !== 'mongodb' && !missing)
}
