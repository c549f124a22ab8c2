/** Identifies the process that owns a staging directory by pid and start time, so that a reused pid does not match. */
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import { readFile, readlink } from "node:fs/promises"
import { hostname } from "node:os"

/** Identifies a process. `started` is 0 if the system does not report the start time. */
export interface Owner {
  readonly pid: number
  /** The start time in kernel ticks since boot. */
  readonly started: string
  /** Digests of the boot id, the pid namespace and the host name. */
  readonly boot: string
  readonly namespace: string
  readonly host: string
}

/** `elsewhere`: the process is in another container or on another machine, so its state is unknown. */
export type ProcessStatus = "live" | "gone" | "elsewhere"

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8)

const orEmpty = (read: () => Promise<string>): Effect.Effect<string> =>
  Effect.promise(() => read().catch(() => ""))

/** Returns when a process started, or `undefined` if there is no such process or it is a zombie. */
const startedAt = (pid: number): Effect.Effect<string | undefined> =>
  Effect.map(
    orEmpty(() => readFile(`/proc/${pid}/stat`, "utf8")),
    (stat) => {
      // The fields after the name in parentheses, which may contain anything: state, parent, …; the 20th is the start.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19]
    }
  )

/** This process. */
export const self: Effect.Effect<Owner> = Effect.gen(function* () {
  const { pid } = process
  // A /proc of another pid namespace has other pids.
  const known = (yield* orEmpty(() => readlink("/proc/self"))) === String(pid)
  return {
    pid,
    started: known ? ((yield* startedAt(pid)) ?? "0") : "0",
    boot: digest(yield* orEmpty(() => readFile("/proc/sys/kernel/random/boot_id", "utf8"))),
    namespace: digest(yield* orEmpty(() => readlink("/proc/self/ns/pid"))),
    host: digest(hostname())
  }
})

/** A process of this machine and container by its pid. Its start is unknown if it has ended. */
export const of = (pid: number): Effect.Effect<Owner> =>
  Effect.flatMap(self, (me) =>
    Effect.map(startedAt(pid), (started) => ({
      ...me,
      pid,
      started: me.started === "0" ? "0" : (started ?? "-1")
    }))
  )

/** Returns a unique directory name that contains the owner. A name exists at once and cannot be written partially. */
export const directoryName = (owner: Owner): string =>
  [owner.pid, owner.started, owner.boot, owner.namespace, owner.host, randomBytes(4).toString("hex")].join(
    "-"
  )

const pattern = /^([1-9]\d{0,9})-(\d{1,20})-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{8}$/

/** Parses the owner from a directory name. Returns `undefined` for any other name. */
export const parse = (folder: string): Owner | undefined => {
  const [, pid, started = "", boot = "", namespace = "", host = ""] = pattern.exec(folder) ?? []
  return pid === undefined ? undefined : { pid: Number(pid), started, boot, namespace, host }
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH")
  }
}

/** Returns the status of an owner, seen from the process `me`. In doubt the owner is live. */
export const state = Effect.fnUntraced(function* (owner: Owner, me: Owner): Effect.fn.Return<ProcessStatus> {
  if (owner.boot !== me.boot) return owner.host === me.host ? "gone" : "elsewhere"
  if (owner.namespace !== me.namespace) return "elsewhere"
  if (owner.started === "0" || me.started === "0") return isRunning(owner.pid) ? "live" : "gone"
  return (yield* startedAt(owner.pid)) === owner.started ? "live" : "gone"
})
