/** The context of a call to an upstream. */
import type { Call } from '../../src/upstreams/platform.ts'

/** A call that is only aborted by `signal`. */
export function call(signal = new AbortController().signal): Call {
  return { signal, deadline: () => Infinity, viewer: null }
}

/** A call whose deadline is so many milliseconds from now. */
export function callWithin(ms: number): Call {
  const deadline = performance.now() + ms
  return { ...call(), deadline: () => deadline }
}
