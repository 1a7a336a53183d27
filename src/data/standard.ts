/** What zod, valibot, arktype and others have in common (https://standardschema.dev), as far as it is used. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** The data that a schema describes. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']
