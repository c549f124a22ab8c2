/** Whose a folder of staged files is: a process, told by its number and when it began, so that a reused number is none. */
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import { readFile, readlink } from "node:fs/promises"
import { hostname } from "node:os"

/** What tells a process from all others; `started` is 0 where the system does not say. */
export interface Owner {
  readonly pid: number
  /** In the kernel's ticks since boot. */
  readonly started: string
  /** Digests: of the boot, the pid namespace and the host. */
  readonly boot: string
  readonly namespace: string
  readonly host: string
}

/** `elsewhere`: in another container or on another machine; nobody here can tell whether it lives. */
export type ProcessStatus = "live" | "gone" | "elsewhere"

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8)

const orEmpty = (read: () => Promise<string>): Effect.Effect<string> =>
  Effect.promise(() => read().catch(() => ""))

/** When a process began; nothing where it is none, or one that is dead and not yet buried. */
const startedAt = (pid: number): Effect.Effect<string | undefined> =>
  Effect.map(
    orEmpty(() => readFile(`/proc/${pid}/stat`, "utf8")),
    (stat) => {
      // After the name in parentheses, which may hold anything: state, parent, … and the start as the 20th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19]
    }
  )

/** This process. */
export const self: Effect.Effect<Owner> = Effect.gen(function* () {
  const { pid } = process
  // A /proc of another pid namespace knows other numbers.
  const known = (yield* orEmpty(() => readlink("/proc/self"))) === String(pid)
  return {
    pid,
    started: known ? ((yield* startedAt(pid)) ?? "0") : "0",
    boot: digest(yield* orEmpty(() => readFile("/proc/sys/kernel/random/boot_id", "utf8"))),
    namespace: digest(yield* orEmpty(() => readlink("/proc/self/ns/pid"))),
    host: digest(hostname())
  }
})

/** A name for a folder of its own. The owner stands in it: it is there from the first moment, and cannot be cut short. */
export const folderName = (owner: Owner): string =>
  [owner.pid, owner.started, owner.boot, owner.namespace, owner.host, randomBytes(4).toString("hex")].join(
    "-"
  )

const pattern = /^([1-9]\d{0,9})-(\d{1,20})-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{8}$/

/** The owner that a folder names; nothing where the name is none of ours. */
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

/** Whether an owner is still there, as seen by `me`. In doubt it is. */
export const state = Effect.fnUntraced(function* (owner: Owner, me: Owner): Effect.fn.Return<ProcessStatus> {
  if (owner.boot !== me.boot) return owner.host === me.host ? "gone" : "elsewhere"
  if (owner.namespace !== me.namespace) return "elsewhere"
  if (owner.started === "0" || me.started === "0") return isRunning(owner.pid) ? "live" : "gone"
  return (yield* startedAt(owner.pid)) === owner.started ? "live" : "gone"
})
