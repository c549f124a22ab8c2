/** `effect-codex db prune`: deletes durable turns that ended long ago. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { jsonLine } from "../../internal/VisibleText.ts"
import type { PruneInput } from "../commands/durableCommands.ts"
import * as Output from "../Output.ts"
import { withDurable } from "../WithDurable.ts"

export const handle = Effect.fnUntraced(function* (input: PruneInput) {
  const now = yield* Clock.currentTimeMillis
  yield* withDurable(
    input.db,
    Effect.fnUntraced(function* ({ prune }) {
      const pruned = yield* prune({
        endedBefore: now - input.olderThan,
        ...Option.match(input.approvals, {
          onNone: () => ({}),
          onSome: (age) => ({ approvalsBefore: now - age })
        })
      })
      const { approvals, threads, turns } = pruned
      yield* Output.print(
        input.json
          ? jsonLine({ type: "db.pruned", ...pruned })
          : `Deleted ${turns} turns, ${threads} threads and ${approvals} approvals`
      )
    })
  )
})
