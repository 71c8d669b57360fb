import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Vite would take graphql's ES module and Node its CommonJS one: two copies, whose errors do not know each other.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers, browsers and databases take their time on a shared machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // An unhandled rejection anywhere fails the run (vitest's default, stated because a promise depends on it).
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
