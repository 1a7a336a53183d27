import { describe, expect, it } from 'vitest'
import { kept, type Origins } from '../../src/classic/json.ts'
import { Unseen } from '../../src/classic/unseen.ts'

// biome-ignore lint/suspicious/noExplicitAny: an application's object
type Fields = any

const USER = { name: 'Ada', tags: ['a'] }

/** An object with one field, and what it was made of. */
function sessionWith(value: object, name = 'user'): { object: Fields; unseen: Unseen; origins: Origins } {
  const object: Fields = {}
  const origins: Origins = new Map()
  const unseen = new Unseen(object, origins)
  unseen.lay(name, value as never)
  return { object, unseen, origins }
}

describe('A field that is copied when somebody looks', () => {
  it('is the same object at each look, and not the one that was stored', () => {
    const { object, unseen } = sessionWith(USER)
    expect(unseen.has('user')).toBe(true)
    expect(object.user).toEqual(USER)
    expect(object.user).not.toBe(USER)
    expect(object.user).toBe(object.user)
    expect(unseen.has('user')).toBe(false)
    object.user.name = 'Bea'
    expect(object.user.name).toBe('Bea')
    expect(USER.name).toBe('Ada')
  })

  it('is what was assigned to it, whether somebody had looked or not', () => {
    const { object, unseen } = sessionWith(USER)
    object.user = 1
    expect(object.user).toBe(1)
    expect(unseen.has('user')).toBe(false)
    object.user = undefined
    expect(object.user).toBeUndefined()
    delete object.user
    expect('user' in object).toBe(false)
  })

  it('is not taken for unseen after it was defined anew', () => {
    const { object, unseen } = sessionWith(USER)
    Object.defineProperty(object, 'user', { get: () => 2, configurable: true, enumerable: true })
    expect(unseen.has('user')).toBe(false)
    const deleted = sessionWith(USER)
    delete deleted.object.user
    expect(deleted.unseen.has('user')).toBe(false)
  })

  it('shows itself as a property of the object: in its names, in JSON, in a clone and in a spread', () => {
    const { object } = sessionWith(USER)
    expect(Object.keys(object)).toEqual(['user'])
    expect(JSON.stringify(object)).toBe(JSON.stringify({ user: USER }))
    expect(structuredClone(object)).toEqual({ user: USER })
    expect(Reflect.ownKeys({ ...object })).toEqual(['user'])
  })

  it('is the same one through a Proxy, an object that inherits it, and a copy of the properties', () => {
    const { object, origins } = sessionWith(USER)
    new Proxy(object, {}).user.name = 'Bea'
    expect(Object.create(object).user).toBe(object.user)
    const copied: Fields = Object.defineProperties({}, Object.getOwnPropertyDescriptors(object))
    expect(copied.user).toBe(object.user)
    expect(kept(object.user, ['user'], origins, [])).toEqual({ ...USER, name: 'Bea' })
  })

  it('has one accessor for all objects, because one for each would give each a hidden class', () => {
    const accessors = [sessionWith(USER), sessionWith({ name: 'Bea' })].map(
      ({ object }) => Object.getOwnPropertyDescriptor(object, 'user')?.get,
    )
    expect(accessors[0]).toBeTypeOf('function')
    expect(accessors[0]).toBe(accessors[1])
  })

  it('is still there when more names than are remembered have come', () => {
    const { object, unseen, origins } = sessionWith(USER, 'first')
    for (let i = 0; i < 2000; i++) unseen.lay(`name${i}`, USER)
    expect(object.first).toEqual(USER)
    expect(object.name0).toEqual(USER)
    expect(kept(object.first, ['first'], origins, [])).toBe(USER)
    expect(unseen.has('name1999')).toBe(true)
  })
})
