/** Rules about who may read: no two proofs that mean different callers, and somebody at all (DESIGN 5). */
import { canonicalProviderOrNull, providerNameMessage } from './check-routes.ts'
import type { Checker } from './checks.ts'
import type { Path } from './problems.ts'
import { isMapping } from './source.ts'

export function checkAuth(checker: Checker): void {
  checkUnique(checker, 'services', 'id', 'another service has this id')
  checkUnique(checker, 'services', 'key_sha256', 'another service has the same key')
  checkUnique(checker, 'issuers', 'issuer', 'this issuer is listed above already')
  checkGrants(checker)
  checkSomebody(checker)
}

/** Messages do not show the value: an id may come from a variable that holds a secret by mistake. */
function checkUnique({ list, at, report }: Checker, part: string, key: string, message: string): void {
  const seen = new Set<unknown>()
  list(['auth', part]).forEach((_entry, index) => {
    const path = ['auth', part, index, key]
    const value = at(path)
    if (typeof value !== 'string' || value === '') return
    if (seen.has(value)) report(path, message)
    seen.add(value)
  })
}

function checkGrants({ list, report }: Checker): void {
  list(['auth', 'services']).forEach((_service, service) => {
    const grants: Path = ['auth', 'services', service, 'grants']
    list(grants).forEach((_grant, grant) => {
      const providers: Path = [...grants, grant, 'providers']
      list(providers).forEach((name, index) => {
        if (typeof name !== 'string' || name === '' || name === '*') return
        if (canonicalProviderOrNull(name) === null) report([...providers, index], `${providerNameMessage}, or "*"`)
      })
    })
  })
}

function checkSomebody({ mode, at, report }: Checker): void {
  const auth = at(['auth'])
  if (mode !== 'production' || !(auth === undefined || isMapping(auth))) return
  const given = (part: string): boolean => at(['auth', part]) !== undefined && !isEmptyList(at(['auth', part]))
  if (given('services') || given('issuers')) return
  report(['auth'], 'nobody could read anything; add a service or an issuer', 'key')
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}
