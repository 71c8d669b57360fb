/**
 * A process over a vault that changes accounts and delivers what happened: `node changing-process.ts OPTIONS COUNT PREFIX`.
 * It sends the name of a user after each change that was committed; it is killed at any moment.
 */
import { vault } from '../../../src/upstreams/vault/index.ts'
import { accountRecord } from '../../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../../src/upstreams/vault/store/write.ts'

const [given = '', count = '0', prefix = ''] = process.argv.slice(2)
const options = vault.options.parse(JSON.parse(given))
const upstream = vault.open(options, { observe: () => undefined })
const store = await openStore(options)

for (let n = 0; n < Number(count); n++) {
  const user = `${prefix}-${String(n % 7)}`
  const account = { user_id: user, provider: 'acme', external_account_id: `a_${user}`, token: `invented-${String(n)}` }
  await writeAccounts(store, [accountRecord.parse(account)])
  if (n % 3 === 2)
    await upstream.keeper?.disconnect({ userId: user, provider: 'acme', externalAccountId: `a_${user}` }, false)
  process.send?.(user)
}
