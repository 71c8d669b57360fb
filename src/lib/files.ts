/** Why the operating system refuses a file or a connection, in words for the operator. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'not found',
  ENOTDIR: 'not found',
  EACCES: 'not permitted',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  EEXIST: 'it is there already',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EIO: 'the disk reported an error',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'this process has too many open files',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was closed without an answer',
  ENOTFOUND: 'the name of the host does not resolve',
  EAI_AGAIN: 'the name of the host does not resolve at the moment',
  EHOSTUNREACH: 'no way leads to the host',
  ENETUNREACH: 'no way leads to the network',
  ETIMEDOUT: 'no answer came in time',
}

/** What an error of the operating system means, or its code; null: it is none. */
export function whyNot(error: unknown): string | null {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return null
  return reasons[String(error.code)] ?? `error ${String(error.code)}`
}
