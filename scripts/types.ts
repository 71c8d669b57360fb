/** The declaration files of the sources, by the compiler of TypeScript 7: it takes half of the processor time of that of 6. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './bundle.ts'

const run = promisify(execFile)
const compiler = join(root, 'node_modules/typescript-7/bin/tsc')

/** Writes them below `to`; rejects with what the compiler says, where it is asked to look for errors. */
export async function writeTypes(to: string, isChecked: boolean): Promise<void> {
  const options = ['--project', join(root, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', to]
  try {
    await run(process.execPath, [compiler, ...options, ...(isChecked ? [] : ['--noCheck'])])
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`The types cannot be written:\n${stdout}${stderr}`, { cause: error })
  }
}
