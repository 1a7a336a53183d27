/** What an operator can do, by the first word of the server's reply. */
const ADVICE: Readonly<Record<string, string>> = {
  NOAUTH: 'give the client its username and password',
  WRONGPASS: 'give the client the right username and password',
  NOPERM: "docs/stores/redis.md lists the commands and keys that the store's user needs",
  READONLY:
    'this server is a replica: the client leaves it and connects again. Use a host name that leads to the primary',
  MISCONF: "Redis can't write to its disk: check its log",
  OOM: "Redis' memory is full: give it more maxmemory",
  NOREPLICAS: 'fewer replicas are connected than min-replicas-to-write asks for',
  CLUSTERDOWN: 'a part of the cluster has no primary: look at CLUSTER INFO',
  MOVED: "this is a node of a cluster: use the client's cluster, createCluster() or new Cluster()",
  CROSSSLOT: "this is a cluster: use the client's cluster, createCluster() or new Cluster()",
  BUSY: 'another script has been running for too long: SCRIPT KILL ends it',
  LOADING: 'Redis is reading its data, and will answer when that is done',
  MASTERDOWN: 'this is a replica without its primary: connect to the primary',
}

/** What ioredis 4.19 to 5.10 says with `enableAutoPipelining` on a cluster: it takes the script's hash for the key. */
const PIPELINE = 'All keys in the pipeline should belong to the same slots allocation group'

/** Advice for this reply and no other; undefined where there is no one remedy. */
export function adviceFor(error: unknown): string | undefined {
  const { message } = (error ?? {}) as { message?: unknown }
  if (message === PIPELINE)
    return "update ioredis to 5.11, or give the cluster autoPipeliningIgnoredCommands: ['evalsha', 'eval']"
  const word = typeof message === 'string' ? /^[A-Z]+(?= )/.exec(message)?.[0] : undefined
  return word !== undefined && Object.hasOwn(ADVICE, word) ? ADVICE[word] : undefined
}
