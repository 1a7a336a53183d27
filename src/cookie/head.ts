/** The headers of a response that has not begun yet: what a cookie needs of a `ServerResponse`, and every server can give. */
export interface ResponseHead {
  /** They have left, so nothing can be set any more. */
  readonly headersSent: boolean
  getHeader(name: string): number | string | string[] | undefined
  setHeader(name: string, value: string | string[]): unknown
  appendHeader(name: string, value: string): unknown
}
