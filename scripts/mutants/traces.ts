/** The reader of traces and the commands that show what it finds. */
import { inFile, type Mutant } from "./Mutant.ts"

const reader = "test/trace/reader/TraceReader.test.ts"
const writers = "test/trace/reader/otherWriters.test.ts"
const commands = "test/cli/traceCommands.test.ts"

export const traces: ReadonlyArray<Mutant> = [
  ...inFile("src/trace/reader/LineFile.ts", reader, [
    [
      "if (this.restBytes > 0) this.line(true)",
      "if (this.restBytes > 0) this.line(false)",
      "reads what it can of damaged files, and names the lines that it cannot read"
    ],
    [
      "if (!isLast && isOnly(bytes, openBrace))",
      "if (isLast && isOnly(bytes, openBrace))",
      "reads documents of several lines, as Codex writes them"
    ],
    [
      "if (from < chunk.length) this.keep(chunk.subarray(from))",
      "",
      "finds the same, however the bytes are cut, the lines ordered, and the files rotated and packed"
    ],
    [
      "magic.equals(zstd)",
      "false",
      "finds the same, however the bytes are cut, the lines ordered, and the files rotated and packed"
    ]
  ]),
  ...inFile("src/trace/reader/TraceReader.ts", reader, [
    ["if (recent.has(tallied.spanId)) continue", "", "takes a span once that an exporter sent twice"]
  ]),
  ...inFile("src/trace/reader/CallRecords.ts", writers, [
    [
      "const isError = exitCode !== 0",
      "const isError = false",
      "has its own exporter's turns read, alone and beside the file of the library"
    ],
    [
      'decision !== undefined && source !== "Config"',
      "decision !== undefined",
      "has its own exporter's turns read, alone and beside the file of the library"
    ],
    [
      "(succeeded === false && !isDeclined)",
      "succeeded === false",
      "has its own exporter's turns read, alone and beside the file of the library"
    ]
  ]),
  ...inFile("src/trace/reader/TurnTable.ts", reader, [
    [
      "if (this.dropped.has(key)) return undefined",
      "",
      "keeps the newest turns up to a limit, whatever the order, and counts the others"
    ]
  ]),
  ...inFile("src/trace/reader/TurnTally.ts", reader, [
    [
      "if (span.end > this.last) this.last = span.end",
      "this.last = span.end",
      "lists a turn whose own span is missing, and splits its time by its spans"
    ]
  ]),
  ...inFile("src/trace/reader/CriticalPath.ts", reader, [
    [
      "add(frame.node, end, frame.until)",
      "",
      "reads the tree of a turn, and the critical path fills its time without a gap"
    ]
  ]),
  ...inFile("src/trace/reader/TimeParts.ts", reader, [
    [
      '["approval", "tools", "thinking"]',
      '["tools", "approval", "thinking"]',
      "lists a turn whose own span is missing, and splits its time by its spans"
    ]
  ]),
  ...inFile("src/trace/reader/OtlpJson.ts", writers, [
    [
      'Buffer.from(id, "base64")',
      'Buffer.from(id, "base64url").subarray(1)',
      "has its turns read, with ids in hex or base64, and its logs and metrics counted"
    ],
    [
      "Number.isSafeInteger(number) ? number : value",
      "number",
      "has its turns read, with ids in hex or base64, and its logs and metrics counted"
    ]
  ]),
  ...inFile("src/trace/reader/TurnTree.ts", writers, [
    [
      'if (facts.isRaw && turn.recordedBy === "effect-codex") return "codex"',
      "",
      "has its own exporter's turns read, alone and beside the file of the library"
    ]
  ]),
  ...inFile("src/cli/TurnFilter.ts", commands, [
    ['operator === "=" ? matches', "true ? matches", "sorts and filters"],
    [
      "Object.hasOwn(texts, name) ? texts[name] : undefined",
      "texts[name]",
      "refuses a filter that it does not understand, and a file that it cannot read"
    ]
  ]),
  ...inFile("src/cli/Table.ts", commands, [
    [
      "printableLine(column.cell(row), maxCell)",
      "column.cell(row)",
      "shows names that a file contains without their control characters"
    ]
  ]),
  ...inFile("src/cli/handlers/showTurn.ts", commands, [
    [
      "if (found.length > 1)",
      "if (found.length > 100)",
      "shows the last turn, or the one whose id begins or ends as asked"
    ]
  ]),
  ...inFile("src/trace/reader/TraceComparison.ts", commands, [
    ["to - from >= least && ", "", "ignores small changes"],
    ["failures >= minFailures", "failures > 0", "ignores small changes"]
  ]),
  ...inFile("src/trace/reader/TraceStatistics.ts", commands, [
    [
      'kind === "approval" ? SpanFacts.isDeclined(span.attributes) : span.failed',
      "span.failed",
      "counts and times every tool, model, error class and user"
    ]
  ])
]
