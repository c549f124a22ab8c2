/** Turns that produce everything that telemetry has a name for, and all that they emit. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestConsole from "effect/testing/TestConsole"
import {
  Approval,
  Codex,
  CodexError,
  ContentCapture,
  ContentLimits,
  UserHash,
  Metrics,
  Prices,
  ThreadId
} from "effect-codex"
import { Captured, Scripted } from "effect-codex/testing"
import * as TurnSession from "../../src/cli/TurnSession.ts"
import * as AttachmentTelemetry from "../../src/instrumentation/AttachmentTelemetry.ts"
import * as Convention from "../../src/semconv/Convention.ts"
import * as SignalBus from "../../src/instrumentation/SignalBus.ts"
import * as SignalLogs from "../../src/instrumentation/SignalLogs.ts"
import type { LogRecord } from "../../src/instrumentation/LogRecord.ts"
import * as SelfMetrics from "../../src/telemetry/delivery/SelfMetrics.ts"
import * as Revision from "../../src/semconv/Revision.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Gate from "../../src/telemetry/tail-sampling/Gate.ts"
import * as Tracer from "../../src/telemetry/tracer/Tracer.ts"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import type * as Signal from "../../src/instrumentation/Signal.ts"
import * as Durable from "./everythingDurable.ts"
import * as Fake from "./fakeCodex.ts"

export interface Emitted {
  readonly spans: ReadonlyArray<
    Pick<Captured.CapturedSpan, "name" | "kind" | "attributes" | "events" | "status">
  >
  readonly metrics: ReadonlyArray<Metric.Metric.Snapshot>
  readonly records: ReadonlyArray<readonly [tag: Signal.Signal["_tag"], record: LogRecord]>
  /** Records of content. */
  readonly contents: ReadonlyArray<LogRecord>
}

const files = { files: 2, bytes: 10 }
const full = new CodexError.AttachmentRejected({ reason: "StorageFailed", path: "a", detail: "" })

/** Every request that `Codex` makes without opening a thread, each on a thread that does not exist, too. */
const requests = Effect.gen(function* () {
  const codex = yield* Effect.serviceOption(Codex)
  if (codex._tag === "None") return
  const { value } = codex
  const gone = ThreadId.make("gone")
  for (const request of [
    Stream.runDrain(value.listThreads()),
    value.readThread(gone),
    value.renameThread(gone, "a name"),
    value.archiveThread(gone),
    value.unarchiveThread(gone),
    value.deleteThread(gone),
    Stream.runDrain(value.listModels),
    value.request("no/such/method"),
    Effect.scoped(Effect.flatMap(value.exec(["npm", "test"], { cwd: "/srv" }), ({ result }) => result)),
    Effect.scoped(value.exec(["npm", "test"], { cwd: "/srv" }))
  ])
    yield* Effect.ignore(request)
})

const Lookup = Tool.make("lookup_ticket", {
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.String,
  failure: Schema.String
})
const Tickets = Toolkit.make(Lookup)
const answering = Tickets.toLayer({
  lookup_ticket: ({ id }) =>
    id === "none"
      ? Effect.fail("no such ticket")
      : Effect.gen(function* () {
          yield* AttachmentTelemetry.staging(() => files)(Effect.void)
          yield* AttachmentTelemetry.cleaning(() => files)(Effect.void)
          yield* requests
          yield* Durable.operateHost
          return id
        })
})

const { event } = Scripted
const again = event({ _tag: "Retrying", errorType: "TurnFailed.ServerError", status: 500 })
const compaction = { _tag: "ContextCompaction", id: "compaction" } as const
const search = {
  _tag: "CommandExecution",
  id: "search",
  command: "/bin/bash -lc 'rg secret'",
  cwd: "/srv",
  status: "inProgress",
  operations: ["search"]
} as const
const mcp = {
  _tag: "McpToolCall",
  id: "mcp",
  server: "tracker",
  tool: "find",
  arguments: { q: "x" },
  status: "inProgress"
} as const

/** A turn that goes well in the end. */
const good: ReadonlyArray<Scripted.ScriptedStep> = [
  again,
  again,
  event({ _tag: "ItemStarted", item: compaction }),
  event({ _tag: "ItemCompleted", item: compaction }),
  Scripted.command("npm test", { approval: true, exitCode: 1 }),
  Scripted.usage({ input: 100, output: 20, cachedInput: 50, reasoning: 5, cacheWrite: 7 }),
  event({ _tag: "ItemStarted", item: search }),
  event({ _tag: "ItemCompleted", item: { ...search, status: "failed", exitCode: 1, output: "none" } }),
  Scripted.fileChange([
    { path: "/srv/a.ts", kind: "add", diff: "one\ntwo\n" },
    { path: "/srv/b.ts", kind: "update", diff: "@@ -1,1 +1,1 @@\n-old\n+new\n" }
  ]),
  Scripted.toolCall("lookup_ticket", { id: "T-1" }),
  Scripted.toolCall("lookup_ticket", { id: "none" }),
  event({ _tag: "ItemStarted", item: mcp }),
  event({ _tag: "ItemCompleted", item: { ...mcp, status: "completed", result: { found: 1 } } }),
  Scripted.message("All is well.", { deltas: true }),
  event({
    _tag: "ModelResponded",
    responseId: "resp_1",
    // The turn has its usage from the updates alone, and is not to have less than its requests.
    usage: { input: 0, output: 0, cachedInput: 0, reasoning: 0, cacheWrite: 0 }
  }),
  Scripted.completed
]

const limited = new CodexError.TurnFailed({
  reason: "RateLimited",
  detail: "try again in 2 seconds",
  status: 429,
  retryAfterMillis: 2000
})

const options = {
  source: "test",
  workflow: "nightly",
  group: "g1",
  user: "ada@example.com",
  instructions: "be brief",
  sandbox: "read-only"
} as const

const threads = Effect.gen(function* () {
  yield* Scripted.exec(({ command }) => ({ exitCode: command.length }))
  yield* Scripted.play([...good, Scripted.command("ls"), again, Scripted.failed(limited)])
  yield* Scripted.play([
    Scripted.message("again"),
    Scripted.usage({ input: 1, output: 1 }),
    Scripted.interrupted
  ])
  const codex = yield* Codex
  const thread = yield* codex.startThread({ ...options, tools: yield* Tickets })
  yield* Effect.ignore(AttachmentTelemetry.staging(() => files)(Effect.fail(full)))
  yield* thread.run("go", { effort: "high" })
  yield* Effect.ignore(AttachmentTelemetry.cleaning(() => files)(Effect.fail(full)))
  yield* Effect.ignore(thread.run("go on"))
  const resumed = yield* codex.resumeThread(thread.id, options)
  yield* Effect.ignore(resumed.run("and on"))
  yield* codex.forkThread(thread.id, options)
  yield* Scripted.notify("account/rateLimits/updated", {
    rateLimits: {
      limitId: "codex",
      limitName: null,
      normalModelSlug: null,
      primary: { usedPercent: 12.5, windowDurationMins: 300, resetsAt: 1_795_300_000 },
      secondary: { usedPercent: 80, windowDurationMins: 10_080, resetsAt: null },
      credits: null,
      individualLimit: null,
      spendControlReached: null,
      planType: null,
      rateLimitReachedType: null
    }
  })
  const large = Scripted.command("cat large", { output: "x".repeat(20_000) })
  yield* Scripted.play([large, large, large, large])
  yield* Effect.provideService(resumed.run("at length"), ContentLimits.Current, {
    ...ContentLimits.defaults,
    itemBytes: 10_000,
    turnBytes: 4_000
  })
  const pursuing = yield* codex.startThread({ ...options, goals: true })
  yield* Scripted.play([Scripted.goal("complete"), Scripted.message("done"), Scripted.completed])
  yield* pursuing.runGoal({ objective: "be done" })
}).pipe(Effect.scoped)

/** Runs in a world of its own: its spans, metrics and records. */
const watched = <E, R>(
  program: Effect.Effect<unknown, E, R>,
  revision: Convention.Revision,
  environment: Settings.Environment = {}
) =>
  Effect.gen(function* () {
    const records: Array<readonly [Signal.Signal["_tag"], LogRecord]> = []
    const contents: Array<LogRecord> = []
    const listening = SignalBus.layerListener(
      Effect.succeed((observed) => void records.push([observed.signal._tag, SignalLogs.of(observed)]))
    )
    const context = yield* Layer.build(
      listening.pipe(
        Layer.provideMerge(Captured.layer),
        Layer.provideMerge(answering),
        Layer.provideMerge(
          Approval.layer((request) => Effect.andThen(Durable.waits, Approval.allow(request)))
        ),
        Layer.provide(Layer.succeed(Settings.Environment, environment)),
        Layer.fresh
      )
    )
    yield* program.pipe(
      Effect.annotateSpans(Convention.attribute.team, "payments"),
      Effect.provideService(ContentCapture.Records, (record) => void contents.push(record)),
      Effect.provideService(UserHash.UserHashKey, Redacted.make("a key")),
      Effect.provideService(Metrics.Team, "payments"),
      Effect.provide(Prices.layer({ scripted: { input: 1, output: 2 } })),
      Effect.provideService(Revision.Revision, revision),
      Effect.provideService(Settings.Environment, environment),
      Effect.provide(context),
      Effect.exit
    )
    const captured = Context.get(context, Captured.Captured)
    const spans = yield* captured.spans
    const metrics = yield* captured.metrics
    return { spans, metrics, records, contents } satisfies Emitted
  }).pipe(Effect.scoped)

const content = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "SPAN_AND_EVENT" }

const scripted = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.provide(program, Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer))))

const counted = Effect.gen(function* () {
  const self = yield* SelfMetrics.make
  self.exported("traces", 1)
  self.spooled("traces", 1)
  self.dropped("logs", "queue_full", 1)
  self.queue("traces", 1)
  const decided = yield* Gate.makeDecisionCounter
  decided("failed", false)
})

/** Starts one Codex that works and one that fails. */
const engines = Effect.gen(function* () {
  const start = Codex.use((codex) => Effect.scoped(codex.startThread(options)))
  const resume = Codex.use((codex) => Effect.scoped(codex.resumeThread(ThreadId.make("gone"), options)))
  const fork = Codex.use((codex) => Effect.scoped(codex.forkThread(ThreadId.make("gone"), options)))
  const well = yield* Fake.make({})
  const ill = yield* Fake.make({ on: { initialize: [[{ exit: 1 }]] } })
  yield* Effect.provide(start, well.layer())
  yield* Effect.ignore(Effect.provide(start, ill.layer()))
  const refusing = [[{ refuse: { code: -32600, message: "no" } }]]
  const refused = yield* Fake.make({
    on: {
      "thread/start": refusing,
      "thread/resume": refusing,
      "thread/fork": refusing,
      "thread/list": refusing,
      "model/list": refusing
    }
  })
  yield* Effect.ignore(Effect.provide(start, refused.layer()))
  yield* Effect.ignore(Effect.provide(resume, refused.layer()))
  yield* Effect.ignore(Effect.provide(fork, refused.layer()))
  yield* Effect.ignore(Effect.provide(requests, refused.layer()))
})

/** What the command line puts around a turn. */
const commandLine = Effect.gen(function* () {
  const memory = yield* InMemorySpans.make
  for (const script of [[Scripted.message("fine")], [Scripted.failed(limited)]]) {
    yield* Scripted.play(script)
    yield* TurnSession.run(
      Codex.use((codex) => codex.startThread()),
      { work: { _tag: "Prompt", text: "go", attach: [] }, turn: { timeout: undefined }, json: true },
      Layer.fresh(Codex.layer),
      Tracer.layerProcessor(Effect.succeed(memory.processor))
    )
  }
  return (yield* memory.spans)
    .filter((span) => span.name === Convention.span.run)
    .map(
      ({ attributes, name, status }) =>
        ({
          name,
          attributes,
          kind: "internal",
          status: status.code === 2 ? "error" : "unset",
          events: []
        }) as const
    )
})

/** All of it, with the names of a revision. */
export const emitted = Effect.fnUntraced(
  function* (revision: Convention.Revision) {
    const parts = [
      yield* watched(scripted(threads), revision, content),
      yield* watched(scripted(threads), revision),
      yield* watched(counted, revision),
      yield* watched(engines, revision, content),
      yield* watched(Durable.emitAll, revision, content)
    ]
    const root = yield* scripted(commandLine)
    return {
      spans: [...root, ...parts.flatMap((part) => part.spans)],
      metrics: parts.flatMap((part) => part.metrics),
      records: parts.flatMap((part) => part.records),
      contents: parts.flatMap((part) => part.contents)
    } satisfies Emitted
  },
  Effect.provide(Layer.merge(NodeServices.layer, TestConsole.layer)),
  Effect.scoped
)
