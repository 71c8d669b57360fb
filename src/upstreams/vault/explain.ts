/** What keeps the database from working, in words for the operator. */

// https://www.sqlite.org/rescode.html (primary result codes) and the codes of Node's file system errors.
const explanations: Readonly<Record<string, string>> = {
  SQLITE_5: 'another process holds its lock; stop that process, or try again when it has finished',
  SQLITE_8: 'it is read-only; make the file and its folder writable for this user',
  SQLITE_10: 'the disk reported an error; check the disk, or restore a copy of the file',
  SQLITE_11: 'it is damaged; restore a copy of the file',
  SQLITE_13: 'the disk is full; free some space',
  SQLITE_14: 'SQLite cannot open it; check that the file and its folder are writable for this user',
  SQLITE_26: 'it is not a SQLite database; choose another path, or restore a copy of the file',
  EACCES: 'this user may not read and write it; correct the permissions of the file and its folder',
  EPERM: 'this user may not read and write it; correct the permissions of the file and its folder',
  EEXIST: 'a part of the path is a file where a folder is expected; choose another path',
  EISDIR: 'it is a folder; choose the path of a file',
  ENOTDIR: 'a part of the path is a file where a folder is expected; choose another path',
  ENOSPC: 'the disk is full; free some space',
  EROFS: 'the file system is read-only; choose another path',
}

/** The middle of a sentence: what is wrong with the file, and what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason'
  // The low byte of an extended result code is the primary code.
  if ('errcode' in error) return explanations[`SQLITE_${String(Number(error.errcode) & 0xff)}`] ?? error.message
  return ('code' in error ? explanations[String(error.code)] : undefined) ?? error.message
}
