/** Freezes plain objects and lists at every depth; anything else (a `Secret`, a key object) is left to its owner. */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
