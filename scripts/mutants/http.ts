/** Services: conversations and the HTTP API. */
import { inFile, type Mutant } from "./Mutant.ts"

export const http: ReadonlyArray<Mutant> = [
  ...inFile("src/conversations/Conversations.ts", "test/conversations/Conversations.test.ts", [
    [
      "entry === undefined || entry.conversation.owner !== owner",
      "entry === undefined",
      "belong to their owners"
    ],
    [
      "opening.set(owner, (opening.get(owner) ?? 0) + 1)",
      "",
      "are limited for each owner and in total, also when they are opened at the same time"
    ],
    [
      "uses === 0 && now - idleSince",
      "now - idleSince",
      "close a conversation that nothing has used for the idle time, and no other"
    ],
    [
      "() => Effect.sync(() => unreserve(owner))",
      "() => Effect.void",
      "give back the place of a thread that could not be opened"
    ],
    [
      "const interrupted = entry.running > 0 ? entry.conversation.thread.interrupt : Effect.void",
      "const interrupted = Effect.void",
      "refuse new work during a shutdown, and interrupt a turn that is still running at the deadline"
    ]
  ]),
  ...inFile("src/http/Handlers.ts", "test/http/Security.test.ts", [
    [
      "(yield* owners.ownerOf(threadId)) !== id",
      "(yield* owners.ownerOf(threadId)) === undefined",
      "finds nothing of another user, and cannot answer the requests of their agent"
    ],
    [
      "openedThreadId: thread.id\n",
      "",
      "finds nothing of another user, and cannot answer the requests of their agent"
    ],
    [
      "Effect.catchIf(isMissing, () => Effect.void)",
      "Effect.catchIf(() => false, () => Effect.void)",
      "deletes a thread that Codex does not have, and forgets its owner"
    ]
  ]),
  ...inFile("src/http/Access.ts", "test/http/Security.test.ts", [
    [
      'Redacted.value(credential).trim() === ""',
      "false",
      "gets 401 without a valid token, with the documented body"
    ]
  ]),
  ...inFile("src/http/TurnRuns.ts", "test/http/Security.test.ts", [
    [
      "return Effect.andThen(\n            owners.claim",
      "claimed.set(conversation, event.threadId)\n          return Effect.andThen(\n            owners.claim",
      "stays the owner of a thread if the store of owners fails for a while"
    ],
    [
      "Cause.hasDies(cause) ?",
      "cause === undefined ?",
      "stays the owner of a thread if the store of owners fails for a while"
    ]
  ]),
  ...inFile("src/promise/AbortSignals.ts", "test/promise/PromiseCodex.test.ts", [
    [
      "Effect.raceFirst(aborted(signal)),",
      "",
      "interrupts a turn whose signal is aborted while the reader does something else"
    ]
  ]),
  ...inFile("src/promise/PromiseThread.ts", "test/promise/PromiseCodex.test.ts", [
    [
      "): Promise<A> {\n    signal?.throwIfAborted()",
      "): Promise<A> {",
      "starts nothing with an aborted signal, and does not wait for a Codex that does not start"
    ]
  ]),
  ...inFile("src/approval/PendingRequests.ts", "test/http/Security.test.ts", [
    [
      "ended === undefined || isOther(ended)",
      "ended === undefined",
      "finds nothing of another user, and cannot answer the requests of their agent"
    ]
  ]),
  ...inFile("src/http/RequestBoundary.ts", "test/http/Security.test.ts", [
    [
      "Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.fromInputUnsafe(bodyBytes)),",
      "",
      "cannot send more than the limit, with or without a length"
    ]
  ]),
  ...inFile("src/http/EventStream.ts", "test/http/Security.test.ts", [
    [
      'jsonLine({ type: "events.omitted"',
      'jsonLine({ type: "unknown"',
      "keeps its stream open through quiet times by comments, and learns what was dropped"
    ]
  ]),
  ...inFile("src/http/TurnLog.ts", "test/http/Security.test.ts", [
    [
      "let next = Math.min(after, last()) + 1",
      "let next = Math.min(after, last())",
      "finds the rest of a turn that continues, without a gap, by Last-Event-ID"
    ]
  ])
]
