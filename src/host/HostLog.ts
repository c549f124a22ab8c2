/** The log of an engine host: lines of the supervisor and of Codex's stderr, masked, in files of limited size. */
import * as Fs from "node:fs"
import { join } from "node:path"
import * as LineSplitter from "../engine/app-server/LineSplitter.ts"
import * as SafeFile from "../internal/SafeFile.ts"
import { printableLine } from "../internal/VisibleText.ts"

/** The size at which the log is rotated, in bytes. The files together have at most twice as many. */
const maxBytes = 1024 * 1024
const maxLine = 4096
/** The size at which a file with stderr is emptied, in bytes. */
const maxStderr = 256 * 1024

export const names = { log: "host.log", previous: "host.log.1" } as const

export interface HostLog {
  /** Appends a line. Errors of the disk are ignored: the log must not end the host. */
  readonly add: (source: string, text: string) => void
}

export const make = (directory: string, mask: (text: string) => string): HostLog => {
  const path = join(directory, names.log)
  return {
    add: (source, text) => {
      try {
        if ((Fs.lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) > maxBytes)
          SafeFile.rename(path, join(directory, names.previous))
        const line = `${new Date().toISOString()} ${source} ${printableLine(mask(text), maxLine)}\n`
        SafeFile.write(path, Buffer.from(line), "append")
      } catch {
        // A full disk, for example.
      }
    }
  }
}

export interface StderrFile {
  /** Opens the file for Codex to append to. The caller closes the descriptor. */
  readonly openWriter: () => number
  /** Moves what Codex has written to the log. Returns the lines. */
  readonly read: () => ReadonlyArray<string>
  /** Reads what is left, and removes the file. */
  readonly close: () => void
}

/**
 * Codex writes its stderr to a file and not to a pipe: a pipe breaks with the supervisor, and Codex must outlive it. The file
 * has text that is not masked, so it is emptied soon.
 */
export const openStderr = (directory: string, name: string, onLine: (line: string) => void): StderrFile => {
  const path = join(directory, name)
  const openWriter = () => SafeFile.open(path, "append")
  // Creates the file. A process that was adopted writes to it already.
  Fs.closeSync(openWriter())
  const reader = SafeFile.open(path, "readWrite")
  const lines = LineSplitter.make(maxLine)
  const buffer = Buffer.alloc(64 * 1024)
  let at = 0
  let isOpen = true
  const read = () => {
    const found: Array<string> = []
    if (!isOpen) return found
    for (;;) {
      const count = Fs.readSync(reader, buffer, 0, buffer.length, at)
      if (count === 0) break
      at += count
      found.push(...lines.push(Buffer.from(buffer.subarray(0, count))))
    }
    if (at > maxStderr) {
      // Codex appends, so its next line goes to the beginning.
      Fs.ftruncateSync(reader, 0)
      at = 0
    }
    for (const line of found) onLine(line)
    return found
  }
  return {
    openWriter,
    read,
    close: () => {
      if (!isOpen) return
      read()
      // The end of the process is reported later.
      isOpen = false
      Fs.closeSync(reader)
      SafeFile.remove(path)
    }
  }
}
