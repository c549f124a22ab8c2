/** Lifecycle: the state, the time, the budget and the end of a turn. */
import { inFile, type Mutant } from "./Mutant.ts"

export const lifecycle: ReadonlyArray<Mutant> = [
  ...inFile("src/domain/ApprovalRequest.ts", "test/approval/Rules.test.ts", [
    [
      "change.movePath === undefined ? [change.path] : [change.path, change.movePath]",
      "[change.path]",
      "accepts a patch only if the path matches every file"
    ]
  ]),
  ...inFile("src/domain/Budget.ts", "test/Thread.test.ts", [
    [
      "used > usd ?",
      "used >= usd ?",
      "may be reached, and ends the turn that exceeds it, by the prices of its tokens"
    ],
    ["spent.tokens > tokens", "spent.tokens >= tokens", "may be reached, and ends the turn that exceeds it"],
    [
      "spent.tokens >= tokens",
      "spent.tokens > tokens",
      "of zero prevents every turn, and zero tool calls allow a turn without tools"
    ],
    [
      "spent.modelCalls >= modelCalls",
      "spent.modelCalls > modelCalls",
      "of zero prevents every turn, and zero tool calls allow a turn without tools"
    ],
    [
      "spent.toolCalls > toolCalls",
      "spent.toolCalls >= toolCalls",
      "of zero prevents every turn, and zero tool calls allow a turn without tools"
    ],
    [
      'if (typeof time === "number" && Number.isNaN(time)) return false',
      "",
      "that is not a number is rejected before a turn starts"
    ]
  ]),
  ...inFile("src/domain/OpenCalls.ts", "test/domain/TurnState.test.ts", [
    [
      "if (known === undefined || !(known.isOpen || known.awaitsReturn))",
      "if (true)",
      "has one close for every open, and opens nothing that is open"
    ]
  ]),
  ...inFile("src/domain/OpenCalls.ts", "test/domain/OpenCalls.test.ts", [
    [
      "return known !== undefined && (known.isOpen || known.awaitsReturn)",
      "return known !== undefined && known.isOpen",
      "is not opened again by a copy of its request or its item"
    ],
    [
      "if (known === undefined || !(known.isOpen || known.awaitsReturn))",
      "if (known === undefined || !known.isOpen)",
      "is not opened again by a copy of its request or its item"
    ],
    [
      "call?.isOpen === false && !call.awaitsReturn &&",
      "call?.isOpen === false &&",
      "is kept until it returns, however many calls end before"
    ],
    [
      "{ ...call, isOpen: false, item: undefined, endedAt }",
      "{ ...call, isOpen: false, item: undefined, endedAt, decidedAt: undefined }",
      "runs from its approval, even if its call returns before its item completes"
    ]
  ]),
  ...inFile("src/domain/TurnState.ts", "test/Thread.test.ts", [
    ["larger(state.requested, state.reported)\n", "state.requested\n", "of a turn covers all its attempts"]
  ]),
  ...inFile("src/domain/TurnState.ts", "test/domain/TurnState.test.ts", [
    [
      "Item.interrupt(item))",
      "item)",
      "has every item once, as it was last, and nothing in progress in the end"
    ]
  ]),
  ...inFile("src/domain/SideEffects.ts", "test/domain/TurnState.test.ts", [
    [
      "if (ofItem(event.item, readOnly)) return",
      "if (!ofItem(event.item, readOnly)) return",
      "has every item once, as it was last, and nothing in progress in the end"
    ]
  ]),
  ...inFile("src/domain/SideEffects.ts", "test/domain/TurnStateEvents.test.ts", [
    [
      ' && !(item._tag === "ToolCall" && readOnly.has(item.tool))',
      "",
      "do not include declined work or tools that only read"
    ],
    ['item.status !== "declined" && ', "", "do not include declined work or tools that only read"]
  ]),
  ...inFile("src/domain/SideEffects.ts", "test/domain/SideEffects.test.ts", [
    [
      "happened || !HashMap.isEmpty(calls)",
      "happened",
      "include a call that returns without an item, or does not return"
    ],
    ["left.length === 0 ?", "true ?", "include a script only if a call in it has no item"]
  ]),
  ...inFile("src/domain/TurnState.ts", "test/domain/TurnStateEvents.test.ts", [
    [
      "!undecided.has(item.id) && SideEffects.ofItem",
      "SideEffects.ofItem",
      "include work that was running, but not work that still waited for approval"
    ],
    ["modelCalls: modelCalls + (model === undefined ? 0 : 1)", "modelCalls", "count from their start"],
    [
      "if (!outcome.completed && item._tag",
      "if (outcome.completed && item._tag",
      "keeps the text of a message that breaks off, but not in a completed turn"
    ],
    [
      "a.input + a.output >= b.input + b.output ? a : b",
      "a",
      "is the larger of what requests used and what Codex reports"
    ],
    [
      "state.writing?.itemId === event.itemId ? state.writing.text : BoundedText.empty",
      "BoundedText.empty",
      "keeps the text of a message that breaks off, but not in a completed turn"
    ]
  ]),
  ...inFile("src/domain/TurnTiming.ts", "test/domain/TurnState.test.ts", [
    [
      "if (at <= state.at) return state\n",
      "",
      "is the sum of its four parts, none of them negative, under any events in any order"
    ]
  ]),
  ...inFile("src/domain/TurnTiming.ts", "test/domain/OpenCalls.test.ts", [
    [
      "      if (after.awaitedCount === before.awaitedCount) return unchanged(state)\n",
      "",
      "starts no model request"
    ]
  ]),
  ...inFile("src/domain/TurnTiming.ts", "test/domain/TurnStateEvents.test.ts", [
    [
      "after.awaitedCount === 0 ? openModel(state)",
      "true ? openModel(state)",
      "begin again only when the last of several calls has returned"
    ],
    [
      "!state.exact && after.openCount === 0",
      "after.openCount === 0 || true",
      "begin again with the end of an item only when Codex does not report calls"
    ],
    [
      "completed ? (state.model?.lastOutputAt ?? state.at) : state.at",
      "state.at",
      "end with the last call that they request, and in a completed turn with their last output"
    ],
    [
      "state.requestedAt ?? state.at",
      "state.at",
      "end with the last call that they request, and in a completed turn with their last output"
    ]
  ]),
  ...inFile("src/engine/app-server/TurnDriver.ts", "test/services/ProcessDeath.test.ts", [
    [
      "yield* Effect.raceFirst(Deferred.await(runningTurn.started), Deferred.await(runningTurn.over))",
      "yield* Effect.void",
      "F04 kills a Codex that does not start the turn it has taken after the grace period, and the next thread gets a new one"
    ]
  ]),
  ...inFile("src/engine/app-server/TurnLifecycle.ts", "test/engine/app-server/TurnLifecycle.test.ts", [
    ['if (state._tag === "Over") {', "if (false) {", "ends at most once for all inputs in any order"],
    [
      'state._tag === "Accepted" && begins',
      'state._tag === "Accepted"',
      "takes the id of the first turn that starts when the reply has none"
    ],
    [": known === turnId", ": true", "ignores events before the reply, which belong to an older turn"],
    [
      'return state._tag === "Starting" ? [state, ignored] : [state, unconfirmed]',
      "return [state, unconfirmed]",
      "requests a confirmation when the thread goes idle, but not before it is accepted"
    ],
    [
      'state._tag === "Running" ? (state.expectedError ?? input.error) : input.error',
      "input.error",
      "ends with its last error when the process dies, unless the turn continued after the error"
    ],
    [
      '{ _tag: "Running", turnId: input.turnId, expectedError: undefined }, matches',
      '{ _tag: "Running", turnId: input.turnId, expectedError: state._tag === "Running" ? state.expectedError : undefined }, matches',
      "ends with its last error when the process dies, unless the turn continued after the error"
    ],
    [
      'return state._tag === "Starting"\n        ? [{ _tag: "Accepted"',
      'return true\n        ? [{ _tag: "Accepted"',
      "keeps its id and ignores the inputs of other turns"
    ]
  ]),
  ...inFile("src/tool/ToolHost.ts", "test/tool/ToolHost.test.ts", [
    [
      "Effect.catchCause(() => Effect.succeed(true))",
      "Effect.catchCause(() => Effect.succeed(false))",
      "runs without approval only if it says so; a broken decision requires approval"
    ]
  ]),
  ...inFile("src/turn/ActiveTurn.ts", "test/faults/Clock.test.ts", [
    [
      "const at = Math.max(clock.fromWallClock(received.at), state.time.at)",
      "const at = received.at",
      "F30 half a second forward: changes no duration of the turn and expires no deadline early"
    ]
  ]),
  ...inFile("src/turn/ActiveTurn.ts", "test/tool/ToolHost.test.ts", [
    [
      'if (decision._tag === "Cancel") options.stop',
      'if (decision._tag === "Accept") options.stop',
      "ends the turn when the policy cancels its call"
    ]
  ]),
  ...inFile("src/turn/EventBuffer.ts", "test/turn/EventBuffer.test.ts", [
    [" || first._tag !== second._tag", "", "keeps deltas of different kinds apart, also for the same item"],
    [
      "if (done !== undefined) mergeable.delete(done)",
      "",
      "keeps a delta that follows the end of its item after that end"
    ],
    [
      "      mergeable.clear()\n",
      "",
      "F26 loses no event and no character in any reading pattern, and bounds the waiting events"
    ],
    [
      "previous === undefined ? add(event, label, key) : replace(previous, event, sizeOf(event))",
      "add(event, label, key)",
      "keeps the last progress report of a tool, and the text of each sub-agent separately"
    ],
    [
      "      ended ??= exit\n",
      "      ended = exit; waiting = new Set()\n",
      "keeps a delta that follows the end of its item after that end"
    ]
  ]),
  ...inFile("src/turn/MonotonicClock.ts", "test/faults/Clock.test.ts", [
    [
      "if (Math.abs(jump) < minJump) return at",
      "return at",
      "F30 an hour back: changes no duration of the turn and expires no deadline early"
    ]
  ]),
  ...inFile("src/turn/MonotonicClock.ts", "test/turn/MonotonicClock.test.ts", [
    [
      "Math.abs(now - corrected) > maxAge ? now : corrected",
      "corrected",
      "takes an event from before somebody set the wall clock for one of now"
    ],
    [
      "const corrected = at - jump",
      "const corrected = at",
      "moves a time by as much as somebody sets the wall clock"
    ],
    [
      "if (Math.abs(jump) < minJump) return at",
      "",
      "keeps a time of the wall clock until that clock is set, however old the time is"
    ]
  ]),
  ...inFile("src/turn/TurnAttempts.ts", "test/Thread.test.ts", [
    [
      "error.turn?.sideEffects !== true",
      "true",
      "has had no side effects: a turn that had some is not retried"
    ],
    [
      "isUsageLimit(error) && accepted.error !== error",
      "false",
      "fails at once at a usage limit that only another schedule would retry, or that resets too late"
    ],
    [
      "Duration.max(duration, error.retryAfter)",
      "error.retryAfter",
      "waits at least as long as the provider requests, and as long as its schedule"
    ],
    [
      "Duration.max(duration, error.retryAfter)",
      "duration",
      "waits at least as long as the provider requests, and as long as its schedule"
    ],
    [
      'result.items.some((item) => item._tag === "UserMessage")',
      "true",
      "repeats input that Codex did not store, with its images, and no other input"
    ],
    [
      "tried: attempts++ === 0 ? Budget.zero : usedSoFar()",
      "tried: Budget.zero",
      "of a turn covers all its attempts"
    ],
    ["            used = Budget.add(used, usage)\n", "", "of a turn covers all its attempts"]
  ]),
  ...inFile("src/turn/TurnQueue.ts", "test/engine/app-server/ServerRequests.test.ts", [
    [
      "holding(afterOthers(runDetachable(turn)))",
      "holding(runDetachable(turn))",
      "do not spend their timeout while they wait"
    ]
  ]),
  ...inFile("src/turn/TurnQueue.ts", "test/real-codex/Attach.test.ts", [
    [
      "if (!thread.isDetached) return Fiber.interrupt(fiber)",
      "return Fiber.interrupt(fiber)",
      "finishes its turn without a program, also when the effect that runs it is interrupted"
    ]
  ]),
  ...inFile("src/engine/app-server/LeftTurns.ts", "test/real-codex/Attach.test.ts", [
    [
      "turn.isLeft = true",
      "turn.isLeft = false",
      "leaves an approval to the program that has a policy, and asks the policy of the program that attaches"
    ]
  ]),
  ...inFile("src/Codex.ts", "test/real-codex/Attach.test.ts", [
    [
      "attaches && !hasPolicy",
      "false",
      "leaves an approval to the program that has a policy, and asks the policy of the program that attaches"
    ]
  ]),
  ...inFile("src/turn/KeyedTurn.ts", "test/turn/KeyedTurn.test.ts", [
    [
      "    if (known !== undefined) return",
      "    if (false) return",
      "runs once for callers of all handles of its thread, at the same time and later"
    ],
    [
      "if (error !== undefined) return yield* CodexError.withTurn(error, turn)",
      "",
      "fails again with its error"
    ]
  ]),
  ...inFile("src/engine/app-server/TurnHistory.ts", "test/engine/app-server/TurnHistory.test.ts", [
    [
      "turn !== undefined && Translate.lacksEnd(turn) ? stored",
      "turn === undefined ? stored",
      "asks again about a turn without an end, which may have ended while Codex made its reply"
    ]
  ]),
  ...inFile("src/engine/app-server/TurnHistory.ts", "test/real-codex/TurnKeys.test.ts", [
    [
      "if (Translate.lacksEnd(turn))",
      "if (false)",
      "fails as its first caller would if its engine ended while it ran, and with its failure if it failed"
    ],
    [
      "items.some((item) => item.clientId === clientId)",
      "items.length < 0",
      "starts once, and is read from the history by later callers, also in another client"
    ]
  ]),
  ...inFile("src/turn/ThreadMembers.ts", "test/Thread.test.ts", [
    [
      "member.spent = Budget.add(member.spent, countedFor(member, usage))",
      "member.spent = countedFor(member, usage)",
      "of a thread counts the usage of all its turns"
    ]
  ]),
  ...inFile("src/turn/GoalRunner.ts", "test/engine/app-server/AdoptedTurns.test.ts", [
    [
      "yield* goals.refresh ?? Effect.void",
      "",
      "that falls silent ends as Codex says when it is asked, or else as stalled"
    ],
    [
      'if (!isSet || shared.isPausing || goal?.status === "active" || shared.adopted.size > 0) return',
      'if (!isSet || shared.isPausing || goal?.status === "active") return',
      "that has ended while its turn runs returns at the end of the turn, which an interruption ends"
    ]
  ]),
  ...inFile("src/engine/app-server/AppServerSession.ts", "test/engine/app-server/AdoptedTurns.test.ts", [
    [
      "SubAgents.interruptTurn(process, turn),",
      "Effect.void,",
      "while the thread opens is interrupted if the thread does not open, and its requests are declined"
    ],
    [
      "if (next?.observer !== undefined) {",
      "if (false) {",
      "while a second handle opens runs on the first handle if the second does not open"
    ]
  ]),
  ...inFile("src/turn/SharedThreads.ts", "test/Thread.test.ts", [
    [
      "Deferred.fail(attempt ?? waiting, error)",
      "Deferred.fail(waiting, error)",
      "ends on `interrupt` during an attempt, and is not retried"
    ]
  ]),
  ...inFile("src/turn/SharedThreads.ts", "test/engine/app-server/RestartedThread.test.ts", [
    [
      "threads.set(id, shared)",
      "",
      "shares its id, turns and budget with handles that were opened before and after"
    ]
  ]),
  ...inFile("src/engine/app-server/ThreadHandle.ts", "test/engine/app-server/RestartedThread.test.ts", [
    ["restarted.set(lost, id)", "return", "runs the next turn of a second handle under the new id"]
  ]),
  ...inFile("src/turn/GoalRunner.ts", "test/Thread.test.ts", [
    [
      'if (excess !== undefined) return Effect.fail(TurnRunner.budgetExceeded("thread", excess))',
      "",
      "fails after the turn that exhausts the budget, and is paused before a further turn starts"
    ],
    [
      'if (exhausted !== undefined && goal?.status === "paused")',
      "if (false)",
      "fails after the turn that exhausts the budget, and is paused before a further turn starts"
    ]
  ]),
  ...inFile("src/turn/TurnRunner.ts", "test/Thread.test.ts", [
    [
      'Effect.runForkWith(services)(onExhausted(budgetExceeded("thread", exhausted)))',
      "void services",
      "fails after the turn that exhausts the budget, and is paused before a further turn starts"
    ],
    [
      "Deferred.isDoneUnsafe(stopped) ? Deferred.await(stopped) : spec",
      "spec",
      "of a thread counts what the sub-agents of earlier turns used"
    ],
    [
      '(exhaustedThread === undefined ? undefined : budgetExceeded("thread", exhaustedThread))',
      "undefined",
      "of a thread that is exhausted prevents further turns: time"
    ],
    [
      "Budget.add(Budget.fromTurn(ended), spentByAgents)",
      "Budget.fromTurn(ended)",
      "of a thread counts what the sub-agents of earlier turns used"
    ]
  ]),
  ...inFile("src/turn/TurnAttempts.ts", "test/instrumentation/UserHash.test.ts", [
    [
      "if (span.sampled) thread.members.previous =",
      "thread.members.previous =",
      "each turn of a thread links to the previous one, even if that failed, but never to an unsampled one"
    ]
  ]),
  ...inFile("src/turn/TurnAttempts.ts", "test/turn/TurnAttempts.test.ts", [
    [
      "TraceContext.idsOf(span)",
      "span as never",
      "a turn keeps the ids of the span of the turn before it, and not that span"
    ]
  ]),
  ...inFile("src/internal/ProcessTree.ts", "test/internal/ProcessTree.test.ts", [
    ["marked || !isReused", "true", "do not include another program's group that reuses its id"]
  ]),
  ...inFile("src/turn/TurnRunner.ts", "test/testing/simulation/Simulation.test.ts", [
    [
      "const ending = { subAgents, terminals, keepsRunning }",
      "const ending = { subAgents, keepsRunning }",
      "keeps all promises for 20 seeds, and repeats each run exactly with and without tracing"
    ]
  ]),
  ...inFile("src/domain/Retry.ts", "test/testing/simulation/Simulation.test.ts", [
    [
      "Math.max(0, error.resetsAt - now) + slack",
      "Math.max(0, error.resetsAt - now)",
      "keeps all promises for 20 seeds, and repeats each run exactly with and without tracing"
    ]
  ]),
  ...inFile("src/turn/SharedThreads.ts", "test/testing/simulation/Simulation.test.ts", [
    [
      'isLast ? interrupt(shared, engine, "pause") : Effect.void',
      "Effect.void",
      "keeps all promises for 20 seeds, and repeats each run exactly with and without tracing"
    ]
  ]),
  ...inFile("src/testing/cassette/ReplayedThread.ts", "test/testing/cassette/Unrequested.test.ts", [
    [
      "due.after <= actions",
      "due.after <= actions + 1",
      "passes a turn to the newest handle, and a goal to each handle once"
    ]
  ]),
  ...inFile("src/testing/cassette/Recorder.ts", "test/testing/cassette/Secrets.test.ts", [
    [
      "options.addSecretsFrom(inner.environment ?? {})",
      "options.addSecretsFrom({})",
      "F36 never holds the secret, whatever repeats it, and matches a program that still has it"
    ]
  ]),
  ...inFile("src/testing/cassette/RecordedCommands.ts", "test/testing/cassette/Secrets.test.ts", [
    [
      "addSecretsFrom(command.env)",
      "addSecretsFrom({})",
      "F36 never holds the secret, whatever repeats it, and matches a program that still has it"
    ]
  ]),
  ...inFile("src/testing/cassette/JsonDiff.ts", "test/testing/cassette/Secrets.test.ts", [
    [
      "isUnmasked(expected, actual)",
      "false",
      "F36 never holds the secret, whatever repeats it, and matches a program that still has it"
    ]
  ]),
  ...inFile("src/testing/Simulation.ts", "test/testing/simulation/Simulation.test.ts", [
    [
      "of history.runningCommands)",
      "of [] as ReadonlyArray<[string, string]>)",
      "reports a violation with its promise, its seed and its history"
    ]
  ]),
  ...inFile("src/testing/scripted/ScriptedThreads.ts", "test/testing/scripted/Steps.test.ts", [
    [
      "const next = thread.queued.shift()",
      "const next: QueuedTurn | undefined = undefined",
      "is followed by turns that Codex starts by itself, without a goal"
    ]
  ]),
  ...inFile("src/testing/cassette/ResetTimes.ts", "test/testing/cassette/Unrequested.test.ts", [
    [
      "method === updated ? shift(params, millis / 1000) : params",
      "params",
      "replays their updates, and a wait for their reset, at another time"
    ]
  ]),
  ...inFile("src/testing/cassette/Replay.ts", "test/testing/cassette/Unrequested.test.ts", [
    [
      "recording.header.version > 1",
      "recording.header.version > 2",
      "replays their updates, and a wait for their reset, at another time"
    ]
  ]),
  ...inFile("src/testing/cassette/TurnPlayer.ts", "test/testing/cassette/Replay.test.ts", [
    [
      "yield* waitFor(left, Fiber.join(calling))",
      "yield* Fiber.join(calling)",
      "ends, and the tool takes its recorded time, with instant timing"
    ]
  ]),
  ...inFile("src/testing/cassette/CassetteFormat.ts", "test/testing/cassette/Recorder.test.ts", [
    ["&& found.turns === turns.length", "", "when the first or the last turn is missing"]
  ])
]
