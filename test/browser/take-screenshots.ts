/** `npm run screenshots`: the pictures in the README, taken from the pages as they are. */
import { join } from 'node:path'
import { startExample } from '../../examples/web/server/start.ts'
import { writeLog } from '../../src/log.ts'
import { startDevelopment } from '../clients/development.ts'
import { launchChromium } from './chromium.ts'

const images = join(import.meta.dirname, '../../docs/images')
const [browser, development, example] = await Promise.all([
  launchChromium(),
  startDevelopment(),
  startExample({ port: 0, log: writeLog('silent', { write: () => undefined }) }),
])

const graphiql = await browser.newPage({ viewport: { width: 1280, height: 800 } })
await graphiql.goto(development.graph)
await graphiql.getByRole('button', { name: /^Execute query/ }).click()
await graphiql.getByText('demo-x-token-secret').waitFor()
await graphiql.mouse.move(0, 0)
await graphiql.screenshot({ path: join(images, 'graphiql.png') })

for (const [name, colorScheme, width] of [
  ['example-web', 'light', 860],
  ['example-web-dark', 'dark', 860],
] as const) {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } })
  await page.goto(example.url)
  await page.getByRole('button', { name: 'Sign in as the demo user' }).click()
  await page.getByRole('button', { name: 'Show the token of Google, demo@home.example' }).click()
  await page.getByText('demo-google-home-token').waitFor()
  const work = 'the token of Google, demo@work.example'
  await page.getByRole('button', { name: `Show ${work}` }).click()
  await page.getByRole('button', { name: `Hide ${work}` }).click()
  await page.mouse.move(0, 0)
  await page.screenshot({ path: join(images, `${name}.png`), fullPage: true })
  await page.close()
}

await browser.close()
await development[Symbol.asyncDispose]()
await example.stop()
