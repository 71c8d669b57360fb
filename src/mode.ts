/**
 * Production is the default with a configuration file. Development is for one machine: loopback only, GraphiQL,
 * introspection and suggestions for every caller.
 */
export type Mode = 'production' | 'development'
