/** Connection: the JSON-RPC peer, the routing of messages, requests of Codex, and its process. */
import { inFile, type Mutant } from "./Mutant.ts"

export const connection: ReadonlyArray<Mutant> = [
  ...inFile(
    "src/engine/app-server/ApprovedArguments.ts",
    "test/engine/app-server/ApprovedArguments.test.ts",
    [
      [
        "diff, kind, movePath, path }))",
        "diff, kind, path }))",
        "of a patch include the path, the kind, the diff and the path that a file moves to"
      ],
      [
        "ShellCommand.script(command), cwd]",
        "ShellCommand.script(command)]",
        "of a command are its script and its directory"
      ],
      [
        "ApprovalDecision.isGranted(decision) ? keyOfRequest(request) : undefined",
        "keyOfRequest(request)",
        "are those of granted requests only"
      ],
      [
        "request.extra || request.id !== request.itemId",
        "request.extra",
        "of a request for a part of a command do not count for the whole command"
      ]
    ]
  ),
  ...inFile(
    "src/engine/app-server/JsonRpcConnection.ts",
    "test/engine/app-server/JsonRpcConnection.test.ts",
    [
      [
        "      if (answered) return\n",
        "",
        "replies once to each request of the peer, even if its host replies more often"
      ],
      ["    consecutiveMalformed = 0\n", "", "F21 are skipped: 99 consecutive malformed lines"],
      [
        "++consecutiveMalformed === maxConsecutiveMalformed",
        "++consecutiveMalformed > maxConsecutiveMalformed",
        "F21 fail with a ProtocolError after 100 in a row, end the process, and the next thread gets a new one"
      ],
      ["      counters.unknownReplies++\n", "", "F25 counts replies without a pending request"],
      [
        "return Effect.sync(() => pending.delete(id))",
        "return Effect.void",
        "F25 counts a reply that arrives after its request has timed out"
      ],
      ["      waiting.onResult?.(result)\n", "", "start the turn once when turn/started precedes the reply"],
      [
        'method !== undefined && typeof method !== "string"',
        '(method ?? "") !== "" && (typeof method !== "string" || Number.isNaN(Number(emittedAtMs ?? 0)))',
        "accepts a message with an unexpected value in an optional field"
      ],
      ["Schedule.upTo({ times: 6 })", "Schedule.upTo({ times: 7 })", "is retried at most six times"],
      [
        "(error.code === overloaded || isClosing(error))",
        "isClosing(error)",
        "is retried when Codex is overloaded"
      ],
      [
        "(error.code === overloaded || isClosing(error))",
        "error.code === overloaded",
        "is retried while Codex unloads the thread, whose last handle has closed"
      ]
    ]
  ),
  ...inFile("src/engine/app-server/JsonRpcConnection.ts", "test/engine/app-server/ServerRequests.test.ts", [
    ['typeof id === "string" || (typeof id === "number"', '(typeof id === "number"', "during a turn"]
  ]),
  ...inFile("src/engine/app-server/LineSplitter.ts", "test/engine/app-server/JsonRpcConnection.test.ts", [
    [
      "length + part.length > limit",
      "length + part.length >= limit",
      "F23 skips and counts lines above the limit without buffering them"
    ],
    [
      "      parts = []\n      length = 0\n      return\n",
      "      return\n",
      "F23 uses no memory for a line of one gigabyte"
    ],
    [
      "      tooLong = false\n      skipped++\n",
      "      tooLong = false\n",
      "F23 skips and counts lines above the limit without buffering them"
    ],
    ["      tooLong = false\n", "", "F23 skips and counts lines above the limit without buffering them"],
    [
      'if (line !== "") lines.push(line)',
      "lines.push(line)",
      "F23 skips and counts lines above the limit without buffering them"
    ],
    [
      "whole.at(-1) === carriageReturn ? whole.length - 1 : whole.length",
      "whole.length",
      "F22 returns the same lines for every split into chunks"
    ],
    [
      "      append(chunk.subarray(from))\n",
      "",
      "F23 skips and counts lines above the limit without buffering them"
    ]
  ])
]
