/** One trace of a durable turn over three processes, as an OTLP receiver gets it over HTTP. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as SqliteStore from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as Convention from "../../src/semconv/Convention.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { bundle } from "../support/bundle.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import * as Collector from "../support/collector.ts"

const { attribute, span } = Convention

const { durableAttaches, durableDuration, durableFailovers, durableLocks, durableTurns } = Convention.metric
const metrics = [durableAttaches, durableDuration, durableFailovers, durableLocks, durableTurns]

/** Starts a program of `test/services/durable`, whose telemetry goes to the collector. */
const start = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string>, url: string) {
  const program = bundle(new URL(`./durable/${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      CODEX_OTLP_ENABLE: "1",
      CODEX_OTLP_ENDPOINT: url,
      CODEX_OTEL_USER_HASH_KEY: "a key",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_METRIC_EXPORT_INTERVAL: "300"
    },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exited = once(child, "exit")
  const end = (signal: NodeJS.Signals) =>
    Effect.promise(() => {
      child.kill(signal)
      return exited
    })
  yield* Effect.addFinalizer(() => end("SIGKILL"))
  return { child, exited: Effect.promise(() => exited), end }
})

const startWorker = Effect.fnUntraced(function* (args: ReadonlyArray<string>, url: string) {
  const worker = yield* start("worker", args, url)
  yield* Effect.promise(() => once(worker.child.stdout, "data"))
  worker.child.stdout.resume()
  return worker
})

/** Waits until a query of the database has a result. */
const until = <A>(query: (store: Store["Service"]) => Effect.Effect<A | undefined, unknown>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const [found] = yield* store.changes.pipe(
      Stream.mapEffect(() => query(store)),
      Stream.filter((found) => found !== undefined),
      Stream.take(1),
      Stream.runCollect
    )
    return found === undefined ? assert.fail("the changes of the database ended") : found
  })

const scenario = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const collector = yield* Collector.make
  const codex = yield* CodexSocket.make([
    M.reply(M.shell("echo ran", { escalate: "I need it" })),
    M.reply(M.text("done"))
  ])
  const directory = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "durable-trace-" })
  const db = `${directory}/turns.db`
  const args = [db, `${codex.directory}/proxy.sock`, `${directory}/calls`]
  const submitter = yield* start("submit", [db, codex.workspace], collector.url)
  yield* submitter.exited
  return yield* Effect.gen(function* () {
    const first = yield* startWorker(args, collector.url)
    const asked = yield* until((store) =>
      Effect.map(store.approvals.list({ pending: true }), ([request]) => request)
    )
    yield* first.end("SIGKILL")
    const store = yield* Store
    const lost = yield* store.turn("k1")
    const second = yield* startWorker(args, collector.url)
    // The second worker has the turn, and Codex has asked it again.
    yield* until((store) => Effect.map(store.turn("k1"), (row) => (row?.epoch === 2 ? row : undefined)))
    assert.strictEqual(yield* store.approvals.decide(asked.id, { _tag: "Accept" }, "ada"), "accepted")
    const outcome = yield* until((store) => store.outcome("k1"))
    // The exporters of the worker run on their own: what it ended arrives while it still runs.
    yield* Effect.repeat(Effect.all([collector.spans, collector.bytes]), {
      until: ([spans, bytes]) =>
        spans.some(({ name }) => name === span.durableRun) &&
        metrics.every((name) => bytes.includes(`"${name}"`)),
      schedule: Schedule.spaced("50 millis")
    })
    yield* second.end("SIGTERM")
    const approval = yield* store.approvals.get(asked.id)
    return {
      spans: yield* collector.spans,
      bytes: yield* collector.bytes,
      message: outcome._tag === "Completed" ? outcome.turn.message : undefined,
      lost,
      approval
    }
  }).pipe(Effect.provide(Store.layer.pipe(Layer.provide(SqliteStore.layerClient({ path: db })))))
}).pipe(Effect.scoped, Effect.timeout("50 seconds"), Effect.provide([NodeServices.layer, Logger.layer([])]))

describe("the trace of a durable turn whose worker was killed with -9", () => {
  let result: Effect.Success<typeof scenario>
  beforeAll(async () => {
    result = await Effect.runPromise(scenario)
  }, 60_000)

  const only = (name: string): Collector.Arrived => {
    const [found, ...more] = result.spans.filter((each) => each.name === name)
    assert.isEmpty(more, name)
    return found ?? assert.fail(`no span ${name}`)
  }

  it("has one trace id from the submission to the outcome", () => {
    assert.strictEqual(result.message, "done")
    const names = [span.durableSubmit, span.durableRun, span.invokeAgent("codex"), span.durableApproval]
    const traces = new Set(names.map((name) => only(name).traceId))
    assert.deepStrictEqual([...traces], [only(span.durableSubmit).traceId])
    assert.strictEqual(only(span.durableRun).parentSpanId, only(span.durableSubmit).spanId)
    assert.strictEqual(only(span.invokeAgent("codex")).parentSpanId, only(span.durableRun).spanId)
  })

  it("links the second attempt to the first one, whose span was never exported", () => {
    const second = only(span.durableRun)
    assert.strictEqual(second.links.length, 1)
    const [link] = second.links
    assert.strictEqual(
      `00-${link?.traceId}-${link?.spanId}-01`,
      result.lost?.attemptTrace,
      "the link is the span of the worker that was killed"
    )
    assert.strictEqual(link?.traceId, second.traceId)
    assert.deepInclude(second.attributes, {
      [attribute.durableAttempt]: 2,
      [attribute.durableReason]: "worker_lost",
      [attribute.durableFound]: "running",
      [attribute.durableStatus]: "completed",
      [attribute.team]: "payments"
    })
    assert.match(String(second.attributes[attribute.userHash]), /^[0-9a-f]{64}$/)
  })

  it("has the true times of the attempt and of the wait for the approval", () => {
    const run = only(span.durableRun)
    const wait = only(span.durableApproval)
    const askedAt = result.approval?.askedAt ?? 0
    assert.strictEqual(Math.round(wait.start), askedAt)
    assert.strictEqual(Math.round(wait.end), result.approval?.decidedAt)
    // The first worker asked, before the second one began.
    assert.isBelow(wait.start, run.start)
    assert.isAbove(run.end, wait.end)
    const turn = only(span.invokeAgent("codex"))
    // The turn began under the first worker. Codex stores its start in whole seconds, which counts from an age of one second on.
    const submitted = only(span.durableSubmit)
    assert.isAtLeast(turn.start, Math.floor(submitted.start / 1000) * 1000)
    assert.isBelow(turn.start, wait.end)
    assert.isAtMost(turn.end, run.end)
  })

  it("names the user and the team on the turn, and counts the failover", () => {
    const turn = only(span.invokeAgent("codex"))
    assert.strictEqual(turn.attributes[attribute.team], "payments")
    assert.strictEqual(
      turn.attributes[attribute.userHash],
      only(span.durableSubmit).attributes[attribute.userHash]
    )
    for (const name of metrics) assert.include(result.bytes, `"${name}"`)
    assert.notInclude(result.bytes, "ada@example.com")
  })
})
