/** The algebra of commands. It is pure, and nothing in this folder imports anything from outside it. */
export { type Applied, apply, valueAt } from './apply.ts'
export {
  bsonIn,
  type Chain,
  type Condition,
  canGrow,
  comparison,
  condition,
  EMPTY_CHAIN,
  extend,
  onlyIf,
  places,
  pullsByFields,
  takes,
  weigh,
} from './chain.ts'
export type { Command, CommandName } from './commands.ts'
export * as commands from './commands.ts'
export { indexOf, keyFault, MAX_PADDING, overlap, type Path, parsePath, printPath } from './path.ts'
export { type Found, type Problem, Refusal } from './problem.ts'
export { sizeOf } from './size.ts'
export {
  type BsonValue,
  copyValue,
  type Data,
  equal,
  isBson,
  isDate,
  isList,
  isObject,
  type List,
  type Value,
} from './value.ts'
