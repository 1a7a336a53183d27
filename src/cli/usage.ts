/** The arguments say something that can't be done. */
export class UsageError extends Error {}
