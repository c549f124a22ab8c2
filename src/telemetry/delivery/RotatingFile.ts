/** Appends lines to a private file and rotates it by size. */
import type { FileHandle } from "node:fs/promises"
import { dirname } from "node:path"
import * as SafeFile from "../../internal/SafeFile.ts"
import { codeOf } from "../../internal/SystemError.ts"

export interface Bounds {
  readonly maxBytes: number
  /** The number of older files to keep. */
  readonly keep: number
}

const newline = Buffer.from("\n")

/** Appends one line, after rotating the file if it would become too large. Other processes may write to it too. */
export const append = async (file: string, text: Uint8Array, bounds: Bounds): Promise<void> => {
  const line = Buffer.concat([text, newline])
  const size = await write(file, line, bounds.maxBytes)
  if (size === 0 || size + line.length <= bounds.maxBytes) return
  rotate(file, bounds.keep)
  await write(file, line, Infinity)
}

/** Writes the line if it fits, and returns the previous size of the file. An empty file takes a line of any size. */
const write = async (file: string, line: Buffer, maxBytes: number): Promise<number> => {
  const handle = await openOwned(file)
  try {
    const { mode, size } = await handle.stat()
    if ((mode & 0o077) !== 0) await handle.chmod(0o600)
    if (size === 0 || size + line.length <= maxBytes) await handle.appendFile(line)
    return size
  } finally {
    await handle.close()
  }
}

/** Opens the file without following links: the agent could put one there if the file lies in its workspace. */
const openOwned = async (file: string): Promise<FileHandle> => {
  try {
    return await SafeFile.openHandle(file, "append")
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
    SafeFile.makeDirectory(dirname(file))
    return await SafeFile.openHandle(file, "append")
  }
}

const rotate = (file: string, keep: number): void => {
  if (keep < 1) return SafeFile.remove(file)
  for (let at = keep - 1; at >= 0; at--) {
    const from = at === 0 ? file : `${file}.${at}`
    try {
      SafeFile.rename(from, `${file}.${at + 1}`)
    } catch (error) {
      // There are fewer files so far, or another process renamed it first.
      if (codeOf(error) !== "ENOENT") throw error
    }
  }
}
