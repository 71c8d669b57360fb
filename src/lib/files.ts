/** Why a file cannot be used, in words for the operator. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'not found',
  ENOTDIR: 'not found',
  EACCES: 'not permitted',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  EEXIST: 'it is there already',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

/** What an error of the file system means, or its code; null: it is none. */
export function whyNot(error: unknown): string | null {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return null
  return reasons[String(error.code)] ?? `error ${String(error.code)}`
}
