/** Which accepted requests cover which new requests. */
import * as Nodepath from "node:path"
import { type ApprovalRequest, type FileChangeRequest, paths } from "../domain/ApprovalRequest.ts"
import { programOf, runners } from "../internal/RunnerPrograms.ts"

/**
 * Whether an accepted request covers a new request.
 * @since 0.1.0
 * @category models
 */
export type RequestEquivalence = (accepted: ApprovalRequest, requested: ApprovalRequest) => boolean

/** Options that run their value, or write to it. */
const runningOption =
  /^(?:-[ceE]|-exec(?:dir)?|--(?:command|eval|exec|print|output|config|rsh|upload-pack)(?:=.*)?)$/

/**
 * Covers simple commands in the thread's own directory whose first `words` words are the same. Never covers interpreters,
 * programs that run other programs, and options such as `-c` and `-e`. It covers every further argument otherwise, so a
 * rule for the exact command is safer.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * // One approval of `docker logs web` covers `docker logs api`, and not `docker rm web`.
 * const policy = Approval.remember(Approval.prompt, { like: Approval.sameCommand(2) })
 * ```
 */
export const sameCommand =
  (words: number): RequestEquivalence =>
  (accepted, requested) => {
    if (accepted._tag !== "Command" || requested._tag !== "Command") return false
    const [before, now] = [accepted.resolved, requested.resolved]
    const program = requested.argv?.[0]
    return (
      !accepted.extra &&
      !requested.extra &&
      before?.cwd !== undefined &&
      now?.cwd === before.cwd &&
      now.cwd === now.threadCwd &&
      !now.cwdThroughLink &&
      accepted.argv !== undefined &&
      requested.argv !== undefined &&
      program !== undefined &&
      !runners.has(programOf(program)) &&
      !requested.argv.slice(words).some((word) => runningOption.test(word)) &&
      words >= 1 &&
      accepted.argv.length >= words &&
      requested.argv.length >= words &&
      accepted.argv.slice(0, words).every((word, i) => word === requested.argv?.[i])
    )
  }

/** Returns the real directory of every file of a patch, or `undefined` if one is unknown or behind a link. */
const directoriesOf = (request: typeof FileChangeRequest.Type): ReadonlyArray<string> | undefined => {
  const found = paths(request).map((path) => {
    const resolved = request.resolved?.paths.find(({ given }) => given === path)
    return resolved?.real === undefined || resolved.throughLink ? undefined : Nodepath.dirname(resolved.real)
  })
  const known = found.flatMap((directory) => directory ?? [])
  return known.length === found.length && known.length > 0 ? known : undefined
}

/**
 * Covers patches to files that lie directly in the directories of the accepted patch. Subdirectories are other directories.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * // One approval of a patch in docs/ covers later patches to files in docs/, and not in docs/internals/.
 * const policy = Approval.remember(Approval.prompt, { like: Approval.sameDirectory })
 * ```
 */
export const sameDirectory: RequestEquivalence = (accepted, requested) => {
  if (accepted._tag !== "FileChange" || requested._tag !== "FileChange") return false
  if (accepted.extra || requested.extra) return false
  const before = directoriesOf(accepted)
  return directoriesOf(requested)?.every((directory) => before?.includes(directory)) === true
}
