/**
 * Which folder of `src` may import which. An import that is not listed is refused: a folder may import itself and the
 * folders in its row, nothing else. Keep the rows in order, lowest layer first.
 */
export const layers: Readonly<Record<string, ReadonlyArray<string>>> = {
  internal: [],
  domain: ["internal"],
  semconv: ["internal", "domain"],
  redaction: ["internal", "domain", "semconv"],
  instrumentation: ["internal", "domain", "semconv", "redaction"],
  // Only the connection to an engine knows when it broke, so it reports that itself.
  engine: ["internal", "domain", "semconv", "redaction", "instrumentation"],
  approval: ["internal", "domain", "semconv"],
  tool: ["internal", "domain", "semconv", "engine", "approval", "instrumentation"],
  attachment: ["internal", "domain", "semconv", "instrumentation"],
  turn: ["internal", "domain", "semconv", "engine", "approval", "instrumentation", "tool", "attachment"],
  "Thread.ts": ["internal", "domain", "semconv", "engine", "instrumentation", "attachment", "turn"],
  "Codex.ts": [
    "internal",
    "domain",
    "semconv",
    "redaction",
    "engine",
    "approval",
    "instrumentation",
    "tool",
    "attachment",
    "turn",
    "Thread.ts"
  ],
  conversations: ["domain", "Thread.ts"],
  http: ["internal", "domain", "redaction", "approval", "tool", "Codex.ts", "Thread.ts", "conversations"],
  ai: ["domain", "semconv", "tool", "turn", "Codex.ts"],
  telemetry: ["internal", "domain", "semconv", "redaction", "instrumentation"],
  trace: ["internal", "domain", "semconv", "instrumentation", "telemetry"],
  web: ["internal", "trace"],
  "trace-page": ["domain", "internal", "trace", "web"],
  facades: ["domain", "approval", "attachment", "instrumentation", "telemetry"],
  host: ["internal", "domain", "semconv", "redaction", "instrumentation", "engine"],
  durable: [
    "internal",
    "domain",
    "semconv",
    "redaction",
    "engine",
    "approval",
    "instrumentation",
    "tool",
    "attachment",
    "Codex.ts",
    "Thread.ts"
  ],
  serve: [
    "internal",
    "domain",
    "approval",
    "Codex.ts",
    "conversations",
    "http",
    "durable",
    "trace",
    "trace-page"
  ],
  "durable-postgres": ["internal", "domain", "semconv", "durable", "Codex.ts"],
  promise: ["domain", "engine", "Codex.ts", "Thread.ts", "telemetry", "facades"],
  testing: [
    "internal",
    "domain",
    "semconv",
    "redaction",
    "engine",
    "approval",
    "instrumentation",
    "tool",
    "attachment",
    "Codex.ts",
    "Thread.ts",
    "durable",
    "telemetry",
    "trace",
    "facades"
  ],
  cli: [
    "internal",
    "domain",
    "semconv",
    "engine",
    "approval",
    "instrumentation",
    "attachment",
    "tool",
    "Codex.ts",
    "Thread.ts",
    "telemetry",
    "trace",
    "trace-page",
    "testing",
    "host",
    "durable",
    "durable-postgres",
    "conversations",
    "http",
    "serve",
    "facades"
  ],
  "index.ts": [
    "conversations",
    "domain",
    "engine",
    "host",
    "instrumentation",
    "redaction",
    "attachment",
    "tool",
    "Codex.ts",
    "Thread.ts",
    "telemetry",
    "facades"
  ]
}

/** The same for the folders of `src/telemetry`. Files directly in `telemetry` may import every folder of it. */
export const telemetryLayers: Readonly<Record<string, ReadonlyArray<string>>> = {
  config: [],
  span: ["config"],
  delivery: ["config"],
  spool: ["config", "span", "delivery"],
  "tail-sampling": ["config", "span", "delivery"],
  tracer: ["config", "span", "delivery", "spool", "tail-sampling"],
  logs: ["config", "span", "delivery", "spool", "tracer"],
  metrics: ["config", "span", "delivery", "tracer"],
  "native-spans": ["config", "span", "delivery", "tracer"]
}

/** Files at the root of `src` that only re-export for the entry points. */
export const facades = new Set(["Approval.ts", "Sampling.ts", "Telemetry.ts", "Turn.ts"])

/** Pure state machines and folds: they import no Effect runtime. */
export const pureFiles = [
  "approval/PendingRequests.ts",
  "domain/Budget.ts",
  "domain/OpenCalls.ts",
  "domain/TurnState.ts",
  "domain/TurnTiming.ts",
  "engine/app-server/TurnLifecycle.ts",
  "instrumentation/TurnSignals.ts"
]

/** Files outside `web` that pages in a browser run. Types may come from anywhere that the rows allow. */
export const browserFiles = ["internal/DurationText.ts", "internal/VisibleText.ts"]
