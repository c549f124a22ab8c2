/** Durable turns: recovery, approvals, the journal of tools. */
import { inFile, type Mutant } from "./Mutant.ts"

const returned = "interrupts the turn of a lost engine that comes back after the thread has moved"

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
      "store.finish(row.key, row.epoch, outcome)",
      "store.finish(row.key, row.epoch + 1, outcome)",
      "writes no outcome of a turn that another runner has taken over, and leaves its approvals open"
    ],
    [
      "if (!isFirst && (yield* store.turn(row.key))?.endedAt === null) return false",
      "",
      "writes no outcome of a turn that another runner has taken over, and leaves its approvals open"
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
  ...inFile("src/durable/runner/TurnAttempt.ts", "test/durable/runner/RunTelemetry.test.ts", [
    [
      'lastError?._tag === "EngineUnreachable"',
      "false",
      "has one failed start of an engine that cannot be reached, however often the worker tries"
    ]
  ]),
  ...inFile("src/durable/runner/TurnAttempt.ts", "test/durable/runner/SlowHistory.test.ts", [
    [
      "isDecided() ? Effect.interrupt : owns",
      "Effect.interrupt",
      "starts, although the runner checked that it owns the turn before the search"
    ]
  ]),
  ...inFile("src/engine/app-server/AppServerSocket.ts", "test/real-codex/SocketClosing.test.ts", [
    [
      "if (unopened.has(threadId) && listener.hasTurn?.(threadId) !== true) return",
      "",
      "leaves a waiting approval to the next client"
    ]
  ]),
  ...inFile("src/durable/runner/TurnPlace.ts", "test/durable/runner/TurnPlace.test.ts", [
    [
      "continuing.size > 0 ? continuing : starting",
      "starting.size > 0 ? starting : continuing",
      "go to another turn while one waits, and back to a turn that is answered before a new one"
    ],
    [
      "if (waits === 0) place ??= places.request(hadPlace)",
      "place = places.request(hadPlace)",
      "go once to a turn with several requests, which then all continue"
    ],
    [
      "!starting.delete(granted) && !continuing.delete(granted)",
      "!continuing.delete(granted)",
      "are free again after turns that were interrupted while they ran, waited or queued"
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
  ...inFile("src/durable/runner/Rollouts.ts", "test/durable/runner/Rollouts.test.ts", [
    [
      "return read === bytes.length && found.equals(bytes)",
      "return read === bytes.length",
      "replaces a file that is older, or that went on differently"
    ]
  ]),
  ...inFile("src/durable/runner/EnginePool.ts", "test/real-codex/Rollouts.test.ts", [
    [
      "if (isLost(silent)) return undefined",
      "if (silent >= 0) return undefined",
      "of a lost machine continues in the engine of another runner, with its next turn"
    ]
  ]),
  ...inFile("src/durable/runner/EnginePool.ts", "test/durable/runner/Engines.test.ts", [
    [
      "(load.get(a.name) ?? 0) - (load.get(b.name) ?? 0)",
      "load.size * 0",
      "starts new threads on the engine with the fewest running ones"
    ],
    [
      "if (isReached(healthOf(own))) return own",
      "if (isKnown(healthOf(own))) return undefined",
      "keeps a thread on its engine, also if another one runs fewer"
    ],
    ["[check(engine), endLeft(engine)]", "[check(engine)]", returned]
  ]),
  ...inFile("src/durable/runner/LeftThreads.ts", "test/durable/runner/Engines.test.ts", [
    ["engines.forgetLeft(name, id)", "Effect.void", returned]
  ]),
  ...inFile("src/durable/store/TurnQueries.ts", "test/durable/runner/Engines.test.ts", [
    ["and engine <> ${engine}", "and engine = ${engine}", returned]
  ]),
  ...inFile("src/durable/runner/SpentEarlier.ts", "test/durable/runner/SpentEarlier.test.ts", [
    [
      "current !== turnId",
      "current === undefined",
      "is counted once, with its sub-agents and without other turns"
    ]
  ]),
  ...inFile("src/durable/runner/ThreadOpening.ts", "test/durable/runner/Runner.test.ts", [
    [
      "SpentEarlier.remaining(budget, spent)",
      "budget",
      "subtracts from the budget what the turn used on the engine that died"
    ]
  ]),
  ...inFile("src/durable/runner/TurnExecution.ts", "test/durable/runner/Engines.test.ts", [
    [
      "    yield* claimed.place.leave\n",
      "",
      "runs turns on the other engines while one cannot be reached, whose threads wait for it"
    ]
  ]),
  ...inFile("src/durable/runner/TurnAttempt.ts", "test/durable/DurableTest.test.ts", [
    [
      "Effect.provideService(ActivityFromOpening, true)",
      "",
      "stores each event of a turn once over two crashes"
    ]
  ]),
  ...inFile("src/durable/runner/TurnTools.ts", "test/durable/DurableTest.test.ts", [
    ["if (row === undefined) return undefined", "return undefined", "never runs a once tool again"]
  ]),
  ...inFile("src/durable/runner/TurnAttempt.ts", "test/durable/DurableTest.test.ts", [
    [
      "!wasStarting || (last.attempt === start.attempt && last.engine === start.engine)",
      "start.attempt >= 0",
      "does not run a turn again whose start was lost, if its policy says so"
    ]
  ]),
  ...inFile("src/durable/store/OpenTurnQueries.ts", "test/testing/simulation/DurableSimulation.test.ts", [
    [
      "and earlier.seq < codex_turns.seq and earlier.ended_at is null",
      "and earlier.seq < 0",
      "keep every promise"
    ]
  ])
]
