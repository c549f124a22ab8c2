/**
 * Remembers where the agent of a thread may be able to write: the directories of its sandbox in every turn so far, and those
 * that a policy granted. A directory stays for as long as the thread is open, also after a turn with a smaller sandbox and
 * after the turn that a grant was for, because a command that an earlier turn started may still run with its old sandbox, and
 * the agent can have put links there.
 *
 * All handles of a thread share this, because Codex has one sandbox and one set of grants for each thread. Other open
 * threads of the engine count, too.
 */
import * as Nodepath from "node:path"
import { type ApprovalDecision, isGranted } from "../domain/ApprovalDecision.ts"
import type { ApprovalRequest } from "../domain/ApprovalRequest.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type { Permissions } from "../domain/Permissions.ts"
import * as RealPath from "../internal/RealPath.ts"
import { directoryOfPattern } from "./ResolvedRequest.ts"

/** A thread that is open on an engine. */
interface OpenThread {
  readonly handles: Set<object>
  readonly roots: Set<string>
  /** The part of `roots` that policies granted. */
  readonly granted: Set<string>
  /** All open threads of the engine, by id. */
  readonly threads: Map<ThreadId, OpenThread>
  /** Removes this thread from them. */
  readonly remove: () => void
}

const threadsByEngine = new WeakMap<object, Map<ThreadId, OpenThread>>()
const threadByHandle = new WeakMap<object, OpenThread>()

const threadOf = (handle: object): OpenThread => {
  const thread = threadByHandle.get(handle) ?? {
    handles: new Set(),
    roots: new Set(),
    granted: new Set(),
    threads: new Map(),
    remove: () => {}
  }
  threadByHandle.set(handle, thread)
  return thread
}

/** Adds a handle of a thread. */
export const open = (engine: object, handle: { readonly id: ThreadId }): void => {
  const { id } = handle
  const threads = threadsByEngine.get(engine) ?? new Map<ThreadId, OpenThread>()
  threadsByEngine.set(engine, threads)
  const thread = threads.get(id) ?? {
    handles: new Set(),
    roots: new Set<string>(),
    granted: new Set<string>(),
    threads,
    remove: () => void threads.delete(id)
  }
  threads.set(id, thread)
  thread.handles.add(handle)
  threadByHandle.set(handle, thread)
}

/** Removes a handle. Returns another open handle of the thread, if there is one. The last one closes the thread. */
export const close = (handle: object): object | undefined => {
  const { handles, remove } = threadOf(handle)
  handles.delete(handle)
  if (handles.size === 0) remove()
  return handles.values().next().value
}

const writableIn = ({ fileSystem }: Permissions): ReadonlyArray<string> =>
  fileSystem.flatMap(({ access, place }) => {
    if (access !== "write") return []
    if (place._tag === "Path") return [place.path]
    // A special place can be anywhere.
    return [place._tag === "Glob" ? directoryOfPattern(place.pattern) : "/"]
  })

const grantedBy = (request: ApprovalRequest, decision: ApprovalDecision): ReadonlyArray<string> => {
  switch (request._tag) {
    case "Permissions":
      return "given" in decision && decision.given?._tag === "Permissions"
        ? writableIn(decision.given.permissions)
        : []
    case "Command":
      return request.wants?.permissions === undefined ? [] : writableIn(request.wants.permissions)
    case "FileChange":
      return request.root === undefined ? [] : [request.root]
    default:
      return []
  }
}

/** Records what a decision lets the agent of a handle's thread write. */
export const recordDecision = (
  handle: object,
  request: ApprovalRequest,
  decision: ApprovalDecision
): void => {
  if (!isGranted(decision) || !("cwd" in request)) return
  const { granted, roots } = threadOf(handle)
  for (const path of grantedBy(request, decision)) {
    const { real } = RealPath.directory(Nodepath.resolve(request.cwd, path))
    roots.add(real)
    granted.add(real)
  }
}

/** Returns the real paths that policies granted to the agent of a handle's thread. */
export const listGranted = (handle: object): ReadonlyArray<string> => [...threadOf(handle).granted]

/** Records the real paths that the sandbox of a turn lets the agent write. */
export const recordSandbox = (handle: object, writableRoots: ReadonlyArray<string>): void => {
  const { roots } = threadOf(handle)
  for (const root of writableRoots) roots.add(root)
}

/**
 * Returns the real paths that the agent of a handle's thread may be able to write, or the agent of any other open thread of
 * the engine: two agents that read the same hostile repository can work together.
 */
export const list = (handle: object): ReadonlyArray<string> => {
  const { roots, threads } = threadOf(handle)
  const all = new Set(roots)
  for (const thread of threads.values()) for (const root of thread.roots) all.add(root)
  return [...all]
}
