// Loaded before the first TypeScript file, so that Node takes that one, too, from the cache and need not load its compiler.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside the dependencies, not in the shared temporary folder, where others could plant code.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/tokengraph', import.meta.url)))
