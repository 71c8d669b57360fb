/**
 * Parts of undici by their own files. Its index loads fetch, WebSocket and a cache as well: 14 MB of memory, and time of each
 * start, that nothing here uses.
 */
import type { Dispatcher, errors as Errors, Pool as PoolClass } from 'undici'
// @ts-expect-error: the files have no types of their own; those of the index say what they are.
import apiRequest from 'undici/lib/api/api-request.js'
// @ts-expect-error: as above.
import coreErrors from 'undici/lib/core/errors.js'
// @ts-expect-error: as above.
import pool from 'undici/lib/dispatcher/pool.js'

export const Pool = pool as typeof PoolClass
export const errors = coreErrors as typeof Errors
/** `request` of a dispatcher, which the index adds to each. */
export const request = apiRequest as (
  this: Dispatcher,
  options: Dispatcher.RequestOptions,
) => Promise<Dispatcher.ResponseData>
