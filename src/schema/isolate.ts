/** Lists whose items fail one by one: each is a promise of its own, and keeps its place. */
export function isolate<T, R>(items: readonly T[], resolve: (item: T, position: number) => R): Promise<R>[] {
  return items.map((item, position) => Promise.resolve().then(() => resolve(item, position)))
}
