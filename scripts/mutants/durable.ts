/** Durable turns: recovery, approvals, the journal of tools. */
import { inFile, type Mutant } from "./Mutant.ts"

export const durable: ReadonlyArray<Mutant> = [
  ...inFile("src/tool/ToolJournal.ts", "test/tool/ToolJournal.test.ts", [
    [
      'found === "started" && call.sideEffect === "once"',
      "false",
      "F08 never runs a once tool again that had started"
    ],
    [
      'if (found !== undefined && found !== "started") return yield* give(found)',
      "",
      "answers a call that has a result without running it and without asking"
    ],
    [
      'found === "started" ? undefined : yield* decide',
      "undefined",
      "answers a call that has a result without running it and without asking"
    ]
  ]),
  ...inFile("src/durable/runner/TurnExecution.ts", "test/durable/runner/Runner.test.ts", [
    [
      'row.options.recovery === "fail" || attempt === maxRecoveries',
      "attempt === maxRecoveries",
      "fails a turn whose engine died, if its recovery policy says so"
    ],
    [
      "program === null || program === expected",
      "true",
      "F44 ends a turn that another version of the program or of the journal has started"
    ],
    [
      "return claimed.open?.interrupt ?? Effect.void",
      "return Effect.void",
      "interrupts a turn on the request of any process"
    ]
  ]),
  ...inFile("src/durable/runner/DurableApprovals.ts", "test/durable/runner/DurableApprovals.test.ts", [
    [
      "options.isLeaving() ? Effect.void : Effect.ignore(store.approvals.close(id))",
      "Effect.ignore(store.approvals.close(id))",
      "end when Codex no longer waits for them, and stay when the worker leaves"
    ],
    [
      "now >= current.expiresAt",
      "now > current.expiresAt + 60_000",
      "F16 expire at their own time, also if the process died in between"
    ],
    [
      "[key, turnId, request.itemId, request.id, hash]",
      "[key, turnId, request.itemId, request.id]",
      "have an id that follows from the turn, the item, the request and its content"
    ]
  ]),
  ...inFile("src/durable/runner/Rollouts.ts", "test/durable/runner/Rollouts.test.ts", [
    [
      "buffer.subarray(0, end + 1)",
      "buffer.subarray(0, read)",
      "is stored line by line as it grows, also by the next runner"
    ],
    [
      "() => Effect.sync(() => (isWaiting = false))",
      "() => Effect.void",
      "is stored further after a call was interrupted while it waited for another"
    ],
    [
      "relative === undefined || !relative.endsWith(`-${threadId}.jsonl`)",
      "relative === undefined",
      "is written only to its own place, and through no link"
    ]
  ]),
  ...inFile("src/durable/runner/ThreadOpening.ts", "test/real-codex/Rollouts.test.ts", [
    [
      "  yield* checkLost(context, thread)\n",
      "",
      "of a lost machine continues in the engine of another runner, with its next turn"
    ]
  ])
]
