/**
 * How many bytes the data take as JSON, as far as a store knows that without counting: more is right, less is not. Absent,
 * also for data with BSON values: then no process keeps a copy of them, see the option `cache`.
 */
export type Bytes = number | undefined
