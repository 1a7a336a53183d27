/** ioredis 4 comes without types of its own; those of ioredis describe what the store uses of it. */
declare module 'ioredis4' {
  import { Redis } from 'ioredis'
  export default Redis
}
