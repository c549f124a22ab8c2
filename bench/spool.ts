/**
 * What the spool costs: spans, each written to disk as it ends, beside the same export without. `node bench/spool.ts
 * [--quick] [--rounds N]`
 *
 * "path" is the time by the clock that the caller spends on a span of fifteen attributes, start to end; "cpu" is that of
 * this process until the last span is sent, to a collector that is another process on loopback. "away": no process listens,
 * and everything stays on disk. "open" are tools that are still open when the loop goes on: each is written twice, when it
 * starts and when it ends. A turn is one of a scripted engine with a command and a message. Row by row the median of the
 * rounds with its quartiles; the disk is that of the folder for temporary files.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Codex, OtlpLayer } from "../src/index.ts"
import * as Settings from "../src/telemetry/config/Settings.ts"
import { Scripted } from "../src/testing/index.ts"
import * as Collector from "./collector.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(15, 3)
const warmUp = 3
const count = 1500
const turns = 20
const settling = 300

const attributes = Object.fromEntries(
  Array.from({ length: 15 }, (_, n) => [
    `gen_ai.some.attribute_${n}`,
    n % 2 === 0 ? n : `a value of some length ${n}`
  ])
)
const numbers = Array.from({ length: count }, (_, n) => n)
const some = numbers.slice(0, 300)
const ended = Effect.forEach(numbers, () => Effect.void.pipe(Effect.withSpan("chat model", { attributes })), {
  discard: true
}).pipe(Effect.withSpan("outer"))
const open = Effect.forEach(
  some,
  () =>
    Effect.yieldNow.pipe(
      Effect.andThen(Effect.sleep(0)),
      Effect.withSpan("execute_tool exec", { attributes })
    ),
  { discard: true, concurrency: 100 }
).pipe(Effect.withSpan("outer"))

const program = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const services = yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Scripted.layer)))
  const codex = Context.get(services, Codex)
  const turn = Effect.gen(function* () {
    yield* Scripted.play([Scripted.command("ls"), Scripted.message("done")])
    const thread = yield* codex.startThread()
    yield* thread.run("go")
  }).pipe(Effect.scoped, Effect.provideContext(services))
  const someTurns = Effect.repeat(turn, { times: turns - 1 })

  const subject = Effect.fnUntraced(function* (
    name: string,
    spool: string | undefined,
    more: Settings.Environment
  ) {
    const { url } = yield* Collector.start
    const runtime = yield* Effect.acquireRelease(
      Effect.sync(() =>
        ManagedRuntime.make(
          OtlpLayer.pipe(
            Layer.provideMerge(Logger.layer([])),
            Layer.provide(
              Layer.succeed(Settings.Environment, {
                HOME: directory,
                OTEL_EXPORTER_OTLP_ENDPOINT: url,
                OTEL_METRICS_EXPORTER: "none",
                OTEL_BSP_SCHEDULE_DELAY: "50",
                ...(spool === undefined ? {} : { CODEX_OTLP_SPOOL_DIR: join(directory, spool) }),
                ...more
              })
            )
          )
        )
      ),
      (runtime) => runtime.disposeEffect
    )
    return { name, run: <A, E>(effect: Effect.Effect<A, E>) => runtime.runPromise(effect) }
  })
  const protobuf = { OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }
  const subjects = [
    yield* subject("JSON, no spool", undefined, {}),
    yield* subject("JSON, spool", "json", {}),
    yield* subject("protobuf, no spool", undefined, protobuf),
    yield* subject("protobuf, spool", "protobuf", protobuf),
    yield* subject("JSON, spool, away", "away", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" })
  ]

  const measured = new Map<string, Array<number>>()
  const note = (name: string, value: number) => measured.set(name, [...(measured.get(name) ?? []), value])
  const settle = () => new Promise((resolve) => setTimeout(resolve, settling))
  for (let round = -warmUp; round < rounds; round++) {
    for (const { name, run } of Report.rotated(subjects, Math.max(0, round))) {
      yield* Effect.promise(async () => {
        const of = async (kind: string, each: number, work: Effect.Effect<unknown, unknown>) => {
          let path = 0
          const cpu = await Report.cpuOf(async () => {
            const before = performance.now()
            await run(work)
            path = performance.now() - before
            await settle()
          })
          if (round < 0) return
          note(`${kind}, path: ${name}`, (path * 1000) / each)
          note(`${kind}, cpu: ${name}`, (cpu * 1000) / each)
        }
        await of("a span", count, ended)
        await of("an open tool", some.length, open)
        await of("a turn", turns, someTurns)
      })
    }
  }
  Report.finish(
    [...measured]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, values]): Report.Row => ({ name, unit: "us", ...Report.quartilesOf(values) }))
  )
}).pipe(Effect.scoped)

await Effect.runPromise(program)
