/**
 * Reporter: the seed, and how many assertions ran. A run that checks less than the one before is seen, although every
 * test passes.
 */
import type { Reporter, TestModule } from 'vitest/node'
import { SEED_VARIABLE, seed } from './random.ts'

export function runSummary(): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      let assertions = 0
      for (const module of modules)
        for (const test of module.children.allTests()) assertions += test.meta().assertions ?? 0
      process.stdout.write(` Assertions  ${assertions}\n       Seed  ${seed} (${SEED_VARIABLE}=${seed} repeats it)\n\n`)
    },
  }
}
