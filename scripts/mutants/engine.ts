/** Mutants of the app-server's requests: their decoding, their routing to a turn, and their replies. */
import { inFile, type Mutant } from "./Mutant.ts"

export const engine: ReadonlyArray<Mutant> = [
  ...inFile(
    "src/engine/app-server/MissedNotifications.ts",
    "test/engine/app-server/MissedNotifications.test.ts",
    [
      [
        'if (method === "item/completed") open.completed.add(itemId)',
        "",
        "is exactly what was not observed, at any moment of a turn"
      ],
      [
        'typeof item.status === "string" ? { status: "inProgress" } : {}',
        "{}",
        "starts each item before it completes it, and ends a turn last"
      ],
      [
        "const isNew = firstOpen >= 0 || ended >= 0",
        "const isNew = true",
        "is nothing for a thread that is not open, and for the history of a thread that was resumed"
      ]
    ]
  ),
  ...inFile("src/engine/app-server/ResentRequests.ts", "test/engine/app-server/ResentRequests.test.ts", [
    ["known.answer?.(request)", "", "get the answer again that got lost with its connection"],
    [
      "if (added.answer !== undefined) return",
      "",
      "are passed on once, and the answer goes to the newest connection"
    ],
    [
      " && !known.isToolCall",
      "",
      "count as questions of a thread until they are answered, except calls of tools"
    ]
  ]),
  ...inFile("src/engine/app-server/AppServerSocket.ts", "test/real-codex/Socket.test.ts", [
    [
      "start.found = { turn: { id: turnId } }",
      "",
      "between turn/start and its reply: one turn starts, with one model request"
    ],
    [
      "if (resumes) reportRunning(result)",
      "",
      "shows the running turn of a client that died, from its start, and asks the new client"
    ]
  ]),
  ...inFile("src/engine/app-server/ResetTime.ts", "test/engine/app-server/ResetTime.test.ts", [
    ["dayAt(-1), dayAt(0)", "dayAt(0)", '"Try again at 11:59 PM." at 2026-11-22T00:00:01Z in UTC'],
    [
      "if (lastYear !== undefined && !isLate(lastYear)) return lastYear",
      "",
      '"Try again at Dec 31, 11:59 PM." at 2027-01-01T00:00:10Z in UTC'
    ]
  ]),
  ...inFile("src/domain/Review.ts", "test/domain/Review.test.ts", [
    [
      "namesFindings.test(text) ? undefined :",
      "",
      "is missing if its findings cannot be read: otherwise it would look like a review without findings"
    ],
    [
      'if (title === undefined && line.trim() !== "") return undefined',
      "",
      "is missing if its findings cannot be read: otherwise it would look like a review without findings"
    ]
  ]),
  ...inFile("src/engine/app-server/AccountLimits.ts", "test/engine/app-server/AccountLimits.test.ts", [
    [
      "millis > 0 && millis <= lastMillis ?",
      "millis !== 0 ?",
      "keeps a reset in the past as it is, and leaves out times and lengths that are no times"
    ]
  ]),
  ...inFile("src/engine/app-server/ServerRequests.ts", "test/engine/app-server/RequestDecoding.test.ts", [
    [
      "extra: (params.grantRoot ?? null) !== null",
      "extra: false",
      "is an extra request with the directory if it also asks for write access to one"
    ],
    ['return found?._tag !== "FileChange"', "return found === undefined", "is unknown without its item"],
    [
      "cwd: params.cwd ?? cwd,",
      "cwd,",
      "has the directory of Codex's request, or otherwise that of the thread"
    ],
    [
      "(params.networkApprovalContext ?? null) !== null ||",
      "",
      "is an extra request if it asks for a special execution, a host or permissions"
    ],
    [
      '(params.kind ?? "command") !== "command" ||',
      "",
      "is an extra request if it asks for a special execution, a host or permissions"
    ],
    [
      "if (access === undefined || place === undefined) return undefined",
      "if (access === undefined || place === undefined) continue",
      "is unknown as a whole if one entry is"
    ],
    [
      'scope: decision._tag === "Accept" ? "turn" : "session"',
      'scope: "session"',
      "is granted for the turn, or for the session if the decision says so"
    ],
    [
      'item.server === server && item.status === "inProgress"',
      'item.status === "inProgress"',
      "belongs to the last call of its server that is in progress"
    ],
    [
      'item.server === server && item.status === "inProgress"',
      "item.server === server",
      "belongs to the last call of its server that is in progress"
    ],
    [
      'given?._tag === "Content" ? given.content : null',
      "null",
      "has no content unless the decision has some"
    ]
  ]),
  ...inFile("src/engine/app-server/ServerRequests.ts", "test/engine/app-server/RequestDecoding.test.ts", [
    [
      "if ((host !== null && network === undefined) || (wanted !== null && additions === undefined))",
      "if (false)",
      "H02 describes nothing if a part cannot be read, so that the other parts do not misstate it"
    ],
    ['onExcessProperty: "error"', 'onExcessProperty: "ignore"', "H02 is declined whatever the policy says"]
  ]),
  ...inFile("src/engine/app-server/AppServerProcess.ts", "test/engine/app-server/AppServerProcess.test.ts", [
    [
      "      unloadAtOnce,\n",
      "",
      "F40 reaches the process, including the variables that config.toml and the overrides name"
    ]
  ]),
  ...inFile("src/engine/app-server/CallIds.ts", "test/engine/app-server/MessageRouter.test.ts", [
    [
      "if (running.has(id)) ambiguous.add(id)",
      "",
      "decline the request that waits, because Codex would run the other call"
    ]
  ]),
  ...inFile("src/engine/app-server/RequestRouter.ts", "test/engine/app-server/ServerRequests.test.ts", [
    [
      "running === undefined || (turnId !== undefined && running !== turnId)",
      "running === undefined",
      "without a running turn, even with a policy that accepts everything"
    ],
    [
      "if (runningTurn === undefined || runningTurn.closed) return undefined",
      "if (runningTurn === undefined) return undefined",
      "while the turn is being interrupted"
    ]
  ]),
  ...inFile("src/engine/app-server/RequestRouter.ts", "test/engine/app-server/MessageRouter.test.ts", [
    [
      "if (all.get(request.id) === waiting) all.delete(request.id)",
      "all.delete(request.id)",
      "withdraws the later of two requests with the same id"
    ],
    [
      "if (replacesWaiting(runningTurn, approvalRequest)) declineAmbiguous(runningTurn, approvalRequest.itemId)",
      "",
      "decline both requests if Codex reports the requests alone"
    ],
    [
      "!ApprovedArguments.areSame(openItems.items.get(event.item.id), event.item)",
      "false",
      "decline patches, whose requests show only the last item"
    ],
    [
      "if (request.itemId === id) Deferred.doneUnsafe(declined, Exit.succeed(ambiguity))",
      "void declined",
      "decline the request that waits, because Codex would run the other call"
    ],
    [
      "runningTurn.callIds.ambiguous.has(approvalRequest.itemId)\n      ? ambiguity",
      "false\n      ? ambiguity",
      "decline every later request for the id"
    ],
    [
      'if (event._tag === "ToolReturned") CallIds.end(callIds, event.callId)',
      "",
      "are not what a repeated request, a repeated item or an id that is used again later are"
    ],
    [
      "request.refuse(-32603, `effect-codex failed on ${method}`)",
      "",
      "refuses a request whose handling throws"
    ]
  ]),
  ...inFile("src/engine/app-server/MessageRouter.ts", "test/engine/app-server/MessageRouter.test.ts", [
    [
      "known === undefined || known === notification.total",
      "known === undefined",
      "reports each total of used tokens once, and only for the turn that runs"
    ],
    [
      "if (RunningTurn.turnIdOf(runningTurn) !== notification.turnId) return",
      "",
      "reports each total of used tokens once, and only for the turn that runs"
    ],
    [
      "if (runningTurn.root !== undefined) runningTurn.root.messageCount++",
      "",
      "counts a sub-agent's messages as activity of the turn that it works for"
    ]
  ]),
  ...inFile("src/engine/app-server/RequestRouter.ts", "test/engine/app-server/ApprovalKinds.test.ts", [
    [
      'if (approvalRequest._tag === "McpTool") runningTurn.askedCalls.add(approvalRequest.itemId)',
      "",
      "H11 counts as the approval once for each call, before the call begins"
    ]
  ]),
  ...inFile("src/engine/app-server/LateSubAgents.ts", "test/engine/app-server/SubAgents.test.ts", [
    [
      "rootTurns.has(event.rootTurnId) ||",
      "",
      "is interrupted when it starts after the end of its turn, and its requests are declined"
    ],
    [
      " || agentThreads.has(threadId)",
      "",
      "is interrupted when it starts a second turn for an unknown turn after the end of its own"
    ]
  ]),
  ...inFile("src/engine/app-server/RequestRouter.ts", "test/engine/app-server/SubAgents.test.ts", [
    [
      'RunningTurn.fail(runningTurn.root ?? runningTurn, new CodexError.TurnInterrupted({ by: "policy" }))',
      'RunningTurn.fail(runningTurn, new CodexError.TurnInterrupted({ by: "policy" }))',
      "ends the turn that it works for when it runs something other than what was approved"
    ]
  ]),
  ...inFile("src/engine/app-server/RunningTurn.ts", "test/engine/app-server/MessageRouter.test.ts", [
    [
      "adopted || now - codexMs <= 5000 ? codexMs : now",
      "codexMs",
      "uses the time that Codex gives for an event, unless it lies far in the past or in the future"
    ],
    [
      "if (codexMs === undefined || codexMs >= Math.floor(now)) return now",
      "if (codexMs === undefined) return now",
      "uses the time that Codex gives for an event, unless it lies far in the past or in the future"
    ],
    [
      "if (turn.root !== undefined) end(turn, error)",
      "",
      "continues until its caller interrupts it; a sub-agent's turn, which has no caller, ends"
    ],
    ["turn.openItems.clear()", "", "keeps none of its open items"],
    [
      "for (const decline of turn.pendingRequests.values()) decline()",
      "",
      "declines a pending request once, and abandons a handler that ignores its interruption"
    ],
    [
      "turn.pendingRequests.clear()",
      "",
      "declines a pending request once, and abandons a handler that ignores its interruption"
    ]
  ]),
  ...inFile("src/engine/app-server/SubAgents.ts", "test/engine/app-server/SubAgents.test.ts", [
    [
      "interruptGrace)),\n      Effect.andThen(clean)",
      "interruptGrace))",
      "has its background terminals cleaned before and after the end of its turn"
    ]
  ]),
  ...inFile("src/engine/app-server/TurnDriver.ts", "test/engine/app-server/ServerRequests.test.ts", [
    ["runningTurn.closed = true", "", "while the turn is being interrupted"]
  ]),
  ...inFile("src/engine/app-server/TurnDriver.ts", "test/services/ProcessDeath.test.ts", [
    [
      "const clean = Effect.ignore(BackgroundTerminals.clean(process, threadId))",
      "const clean = Effect.void",
      "sends turn/interrupt for that turn, cleans its terminals and waits for its end"
    ],
    [
      "return expectedErrorOf(runningTurn) === expectedError",
      "return true",
      "does not fail with an error of another request or one that it survives"
    ],
    [
      "if (runningTurn.messageCount !== messageCount) continue",
      "",
      "F02 continues when a silent Codex answers the check"
    ],
    [
      'Effect.tapError((error) => (error._tag === "RequestTimeout" ? process.kill : Effect.void)),',
      "",
      "is replaced for the next thread when it does not answer the request that starts a turn"
    ],
    ["if (!(yield* accepted)) return", "", "ends with the refusal when Codex refuses turn/start"]
  ]),
  ...inFile("src/engine/app-server/AppServerProcess.ts", "test/services/ProcessDeath.test.ts", [
    [
      "Effect.tap(() => drain(maxDrainRounds))",
      "Effect.tap(() => Effect.void)",
      "completes a turn whose end arrived before the death"
    ]
  ]),
  ...inFile("src/engine/app-server/AppServerProcess.ts", "test/engine/app-server/AppServerSession.test.ts", [
    ["CodexBinary.isTooOld(codexVersion)", "false", "refuses an older Codex by its version, and ends it"]
  ]),
  ...inFile("src/engine/app-server/AppServerProcess.ts", "test/engine/app-server/AppServerProcess.test.ts", [
    [
      "extendEnv: false,",
      "extendEnv: true,",
      "F40 reaches the process, including the variables that config.toml and the overrides name"
    ]
  ])
]
