/** What the system says about the socket of a `codex app-server`: its real path, its owner, and its connections. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { codeOf } from "../internal/SystemError.ts"

/** `__SO_ACCEPTCON` of Linux: the socket listens. */
const listening = 0x10000
const connected = "03"

interface Entry {
  readonly isListening: boolean
  readonly isConnected: boolean
  readonly inode: string
}

/** Returns the path of the socket itself: Codex makes a link to it at the path that it is given. */
export const realPath = (path: string): string => {
  try {
    return resolve(dirname(path), readlinkSync(path))
  } catch {
    return path
  }
}

/** Reads the sockets with a path; `undefined` where the system does not show them. */
const entries = (path: string): ReadonlyArray<Entry> | undefined => {
  try {
    return readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .flatMap((line) => {
        const [, , , flags = "", , state, inode = "", ...name] = line.trim().split(/\s+/)
        return name.join(" ") === path
          ? [
              {
                isListening: (Number.parseInt(flags, 16) & listening) !== 0,
                isConnected: state === connected,
                inode
              }
            ]
          : []
      })
  } catch {
    return undefined
  }
}

/** Returns how many connections a socket has; `undefined` where the system does not show them. */
export const countConnections = (path: string): number | undefined =>
  entries(realPath(path))?.filter(({ isConnected }) => isConnected).length

const holds = (pid: number, inodes: ReadonlySet<string>): boolean => {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory).some((name) => {
    try {
      return inodes.has(readlinkSync(`${directory}/${name}`))
    } catch {
      return false
    }
  })
}

/**
 * Whether a process listens on a socket. The directory in which Codex makes its sockets is one that agents may write. Systems
 * that do not show the sockets of a process do not answer, which counts as yes.
 */
export const belongsTo = (path: string, pid: number): boolean => {
  const found = entries(realPath(path))
  if (found === undefined) return true
  const inodes = new Set(
    found.flatMap(({ inode, isListening }) => (isListening ? [`socket:[${inode}]`] : []))
  )
  try {
    return holds(pid, inodes)
  } catch (error) {
    return codeOf(error) === "EACCES"
  }
}
