/** A platform of one's own, which a configuration names by its path: `platform: ./acme.ts`. An application imports 'tokengraph/kit'. */
import { z } from 'zod'
import { definePlatform, secret, token } from '../../src/upstreams/kit.ts'

export default definePlatform({
  options: z.strictObject({ greeting: z.string().describe('What each token begins with.') }),
  docs: {
    title: 'Acme',
    holds: 'tokens that it makes up',
    batch: 'one call for each key',
    refresh: 'no',
    provider_user_id: 'none',
    external_accounts: 'no',
  },
  open({ greeting }) {
    return {
      autoRefreshes: false,
      tokens: {
        kind: 'one',
        one: ({ userId, provider }) =>
          Promise.resolve([
            token({ external_account_id: `acme_${userId}`, provider, token: secret(`${greeting}-${userId}`) }),
          ]),
      },
      accounts: null,
      close: () => Promise.resolve(),
    }
  },
})
