/**
 * A lock that one process holds, and that the system releases when the process ends, however it ends. It is the lock of a
 * SQLite database: Node has no other way to lock a file.
 */
import { closeSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as SafeFile from "./SafeFile.ts"

export interface FileLock {
  readonly release: () => void
}

/**
 * Takes the lock; `undefined` if another process, or another part of this one, has it. The file stays: a lock on a file that
 * is removed excludes nobody. Throws errors of the system.
 */
export const acquire = (path: string): FileLock | undefined => {
  closeSync(SafeFile.open(path, "append"))
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return { release: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined
    throw error
  }
}
