/** The step of a script in which Codex says something in its own protocol. */
import type * as CodexProtocol from "../../engine/CodexProtocol.ts"
import type { ScriptedStep } from "./ScriptedTurn.ts"

/** The parameters of a notification without the ids of its turn. */
type WithoutTurn<P> = P extends unknown ? Omit<P, "threadId" | "turnId"> : never

/**
 * Codex says something in its own protocol during the turn, for `codex.notifications` and `thread.notifications`. The ids
 * of the thread and of the turn are added.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const warns = Scripted.notification("turn/diff/updated", { diff: "--- a/a.txt\n+++ b/a.txt\n" })
 * ```
 */
export const notification = <M extends CodexProtocol.NotificationMethod>(
  method: M,
  params: WithoutTurn<CodexProtocol.NotificationParams<M>>
): ScriptedStep => ({
  _tag: "Step",
  play: ({ notify, threadId, turnId }) => notify(method, { threadId, turnId, ...params })
})
