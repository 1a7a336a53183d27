/** The algebra of commands: pure, and nothing in this folder imports anything from outside it. */
export { type Applied, apply, valueAt } from './apply.ts'
export { type Chain, canGrow, EMPTY_CHAIN, extend, onlyIf, places, weigh } from './chain.ts'
export * as commands from './command.ts'
export { type Command, type CommandName, type Condition, pullsByFields } from './command.ts'
export { indexOf, keyFault, MAX_PADDING, overlap, type Path, parsePath, printPath } from './path.ts'
export { type Found, type Problem, Refusal } from './problem.ts'
export { sizeOf } from './size.ts'
export {
  type BsonValue,
  type Data,
  equal,
  isBson,
  isDate,
  isList,
  isObject,
  type List,
  type Value,
} from './value.ts'
