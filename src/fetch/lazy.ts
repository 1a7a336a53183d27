/**
 * Stands for an object until something is asked of it. A handler is given its session before anybody knows whether it
 * wants one, and a request that does not use its session must cost nothing.
 */
export function lazy<T extends object>(make: () => T): T {
  return new Proxy({} as T, {
    get(_, name) {
      const real = make()
      const value = Reflect.get(real, name, real)
      // Its private fields are its own.
      return typeof value === 'function' ? value.bind(real) : value
    },
    set: (_, name, value) => Reflect.set(make(), name, value),
    has: (_, name) => Reflect.has(make(), name),
    deleteProperty: (_, name) => Reflect.deleteProperty(make(), name),
    defineProperty: (_, name, property) => Reflect.defineProperty(make(), name, property),
    getPrototypeOf: () => Reflect.getPrototypeOf(make()),
  })
}
