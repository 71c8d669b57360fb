/** How V8 treats the heap of a process that runs one command. V8 reads these flags at each collection. */
import { setFlagsFromString } from 'node:v8'

/**
 * For `serve`. While a platform is slow, the objects of a request survive collections, and V8 decides to allocate such
 * objects in the old generation ("allocation site pretenuring"). It does not take that back when they die young again. Then
 * each stays until a collection of the whole heap, and keeps alive what it refers to. Measured with 100 users at two
 * providers, 2026-11-27: 470 us of processor time and 480 MB with it, 335 us and 300 MB without.
 */
export function makeObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

/**
 * For `vault import`. Call it before other modules are loaded: a heap that has grown does not shrink. Records pass through,
 * and few objects live longer; V8 would let the heap grow to several times of those, for speed. `node bench/import.ts`
 * measures the peak.
 */
export function keepHeapSmall(): void {
  for (const flag of ['--semi-space-growth-factor=1', '--heap-growing-percent=50']) setFlagsFromString(flag)
}
