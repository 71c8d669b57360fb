/** Parts of undici by their own files: its index loads fetch, WebSocket and a cache as well, 14 MB that nothing here uses. */
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici'
}
declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici'

  /** `request` of a dispatcher, which the index adds to each. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>
}
declare module 'undici/lib/core/errors.js' {
  import { errors } from 'undici'

  export default errors
}
