import { describe, expect, it } from 'vitest'
import { describeConfig } from '../../src/config/reference.ts'
import { platforms } from '../../src/upstreams/registry.ts'

const rows = describeConfig()
const rowOf = (section: string, key: string) => rows.find((row) => row.section === section && row.key === key)

describe('the rows of docs/configuration.md', () => {
  it('have types and defaults out of the schemas', () => {
    expect(rowOf('general', 'listen.port')).toMatchObject({ type: 'a whole number from 0 to 65535', default: '`4000`' })
    expect(rowOf('general', 'drain_seconds')).toMatchObject({ type: 'a whole number from 0 to 3600', default: '`10`' })
    expect(rowOf('general', 'auth.owner.fields')).toMatchObject({ default: '`["token","token_secret","id_token"]`' })
    expect(rowOf('general', 'auth.issuers[].audience')).toMatchObject({
      type: 'a string or a list, each entry a string',
    })
    expect(rowOf('general', 'providers.<name>')).toMatchObject({ type: 'a string or a mapping', default: '' })
    expect(rowOf('clerk', 'upstreams.<name>.secret_key')).toMatchObject({ type: 'a string', default: 'required' })
    expect(rowOf('vault', 'upstreams.<name>.keys[].id')).toMatchObject({ default: 'required' })
  })

  it('cover every platform, and each key once', () => {
    expect([...new Set(rows.map((row) => row.section))]).toEqual(['general', ...Object.keys(platforms)])
    const keys = rows.map((row) => `${row.section} ${row.key}`)
    expect(keys).toEqual([...new Set(keys)])
  })

  it('describe every key of the general part', () => {
    expect(rows.filter((row) => row.section === 'general' && row.description === '')).toEqual([])
  })
})
