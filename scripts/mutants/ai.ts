/** The language model: whose turn a prompt continues, when a response ends, and what Codex may do. */
import { inFile, type Mutant } from "./Mutant.ts"

const sessions = "test/ai/CodexSessions.test.ts"
const model = "test/ai/CodexLanguageModel.test.ts"
const boundary = "test/ai/StepBoundary.test.ts"

export const ai: ReadonlyArray<Mutant> = [
  ...inFile("src/ai/CodexSessions.ts", sessions, [
    [
      "turn.fingerprint === fingerprint",
      "turn.fingerprint !== undefined",
      "go on beside an unrelated prompt, and end if the follow-up offers other tools"
    ],
    [
      "Effect.sleep(resultTimeout)",
      "Effect.never",
      "wait for results no longer than their timeout; a late result starts a new thread"
    ],
    [
      "waiting.size > maxWaiting && oldest",
      "waiting.size > 1_000_000 && oldest",
      "end when their number exceeds the limit, the oldest first"
    ],
    ["isWaiting ? Effect.void : session.close", "Effect.void", "end with the response that is interrupted"],
    [
      "turn.session.isRunning()",
      "true",
      "that time out while they wait do not go on: the follow-up starts a new thread"
    ],
    [
      "for (const id of turn.calls.keys()) byCall.delete(id)\n    return waiting.delete(turn)",
      "return waiting.delete(turn) || true",
      "give one of two equal follow-ups the turn, and start a new thread for the other one"
    ],
    [
      "if (input.length > 0) yield* session.steer(input)",
      "",
      "give the model what the user adds to the results"
    ]
  ]),
  ...inFile("src/ai/ModelSession.ts", sessions, [
    [
      "`call_${randomUUID()}`",
      "call.callId",
      "do not go on with a result in the middle of a prompt, or with a result of another conversation"
    ],
    [
      "if (isLost)",
      "if (false)",
      "fail if Codex has lost the history of their thread, and not if there is none"
    ],
    ["Effect.forkIn(scope)", "Effect.forkDetach", "end with the response that is interrupted"]
  ]),
  ...inFile("src/ai/CodexLanguageModel.ts", model, [
    [
      '{ sandbox: "read-only" }',
      '{ sandbox: "workspace-write" as const }',
      "are strict by default, and those of a part of a program override them"
    ],
    [
      'if (toolChoice === "none") return Effect.succeed([])',
      "",
      "offer the tools that toolChoice names, and no others"
    ]
  ]),
  ...inFile("src/ai/ModelSession.ts", model, [
    [
      "if (!isExact) usage",
      "usage",
      "counts the tokens of each response once, and those of the turn together"
    ]
  ]),
  ...inFile("src/ai/StepBoundary.ts", boundary, [
    ["!responding && ", "", "is not before the model has ended the response"],
    ["announced.size === 0 && ", "", "is the last of its calls, in any order of arrival"],
    [
      "announced: state.waiting.has(event.callId)\n              ? state.announced\n              : including(state.announced, event.callId)",
      "announced: including(state.announced, event.callId)",
      "is the last of its calls, in any order of arrival"
    ],
    [
      "[...waiting].every((id) => started.has(id))",
      "started.size >= 0",
      "is not before the events are known that precede a call"
    ]
  ])
]
