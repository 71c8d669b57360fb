/**
 * Node's HTTP module without the rest of it. An `import` of `node:http` reads every export, and one of those loads Node's
 * own fetch: 14 MB of memory and 20 ms of each start that nothing here uses.
 */
export const { createServer, validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http')
