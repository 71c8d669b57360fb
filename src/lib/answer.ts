/** A value that may be at hand already: returned without a promise, and so without a tick, where it is. */

export type Answer<T> = T | Promise<T>
