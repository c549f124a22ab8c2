/** Follows the limits of the account, and checks that the last report of the engine has arrived. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Codex } from "../../Codex.ts"
import type { RateLimit } from "../../domain/RateLimits.ts"
import type { RunHistory } from "./History.ts"

/** How long the consumer takes for an update: it gets only the latest ones. */
const readTime = "3 seconds"
/** Longer than the consumer takes for all updates that may wait. */
const waitTime = "1 minute"

/** Follows the limits until the scope closes. The returned effect checks what has arrived. */
export const observe = Effect.fnUntraced(function* (
  { limits }: Codex["Service"],
  history: RunHistory
): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  let last: RateLimit | undefined
  yield* Effect.forkScoped(
    Stream.runForEach(limits.updates, ({ limits: [limit] }) => {
      last = limit
      return Effect.sleep(readTime)
    }),
    { startImmediately: true }
  )
  return Effect.gen(function* () {
    yield* Effect.sleep(waitTime)
    const { limit } = history
    const primary = last?.primary
    // The wire has seconds, so a time in milliseconds may differ by a rounding error. A reset at 0 is unknown.
    const isSameReset = Math.round(limit?.resetsAt ?? 0) === Math.round(primary?.resetsAt ?? 0)
    if (limit?.usedPercent !== primary?.usedPercent || !isSameReset)
      history.addViolation(
        5,
        undefined,
        `the engine reported ${limit?.usedPercent} % of the limit, and its consumer has ${primary?.usedPercent} %`
      )
  })
})
