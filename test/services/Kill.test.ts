import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { spawn } from "node:child_process"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import type * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Support from "../telemetry/spool/support.ts"
import { bundle } from "../support/bundle.ts"
import { isSoak } from "../support/soak.ts"

const { collector, environment, folder, unusedUrl, parsed, variables } = Support
const killPoints = isSoak ? 20 : 4
const quiet = Logger.layer([])
const traces = { OTEL_LOGS_EXPORTER: "none" }

/** Runs the child, kills it with -9 once it has said so many lines; gives the lines, whole ones only. */
const child = (
  args: ReadonlyArray<string>,
  env: Settings.Environment,
  killAt: number = Infinity
): Effect.Effect<{ readonly lines: ReadonlyArray<string>; readonly killed: boolean }> =>
  Effect.callback((resume) => {
    const program = bundle(new URL("../telemetry/spool/child.ts", import.meta.url))
    const started = spawn(process.execPath, [program, ...args], {
      env: {
        PATH: process.env["PATH"],
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
        ...env
      },
      stdio: ["ignore", "pipe", "inherit"]
    })
    let text = ""
    started.stdout.setEncoding("utf8")
    started.stdout.on("data", (chunk: string) => {
      text += chunk
      if (text.split("\n").length > killAt) started.kill("SIGKILL")
    })
    started.once("close", (_, signal) =>
      resume(Effect.succeed({ lines: text.split("\n").slice(0, -1), killed: signal === "SIGKILL" }))
    )
    return Effect.sync(() => void started.kill("SIGKILL"))
  })

/** Returns the items that a later process delivers from a spool. */
const recovered = (directory: string, expected: number) =>
  Effect.gen(function* () {
    const { items, url } = yield* collector()
    yield* Support.until(() => items().length >= expected && Support.filesBelow(directory).length === 0).pipe(
      Effect.provide(Otlp.OtlpLayer),
      Effect.provide(environment(variables(url, directory, traces)))
    )
    return items().map(parsed)
  }).pipe(Effect.scoped)

describe("kill -9", () => {
  for (const protocol of ["http/json", "http/protobuf"]) {
    it.live(
      `at any point loses no ended span, ${protocol}`,
      () =>
        Effect.gen(function* () {
          const url = yield* unusedUrl
          let points = 0
          yield* Effect.forEach(
            Array.from({ length: killPoints }, () => 1 + Math.floor(Math.random() * 400)),
            Effect.fnUntraced(function* (killAt) {
              const directory = yield* folder
              const env = variables(url, directory, { ...traces, OTEL_EXPORTER_OTLP_PROTOCOL: protocol })
              const { killed, lines } = yield* child(["100000"], env, killAt)
              assert.isTrue(killed)
              points++
              const { asked, url: back } = yield* collector()
              yield* Support.until(() => asked.length > 0 && Support.filesBelow(directory).length === 0).pipe(
                Effect.provide(Otlp.OtlpLayer),
                Effect.provide(environment(variables(back, directory, traces)))
              )
              const body = Buffer.concat(asked.map(({ bytes }) => bytes)).toString("hex")
              const text = Buffer.concat(asked.map(({ bytes }) => bytes)).toString()
              const missing = lines.filter((id) => !body.includes(id) && !text.includes(id))
              assert.deepEqual(missing, [], `killed at ${killAt} of ${lines.length}`)
              assert.deepEqual(Support.below(`${directory}/traces`), [])
            }, Effect.scoped),
            { concurrency: 4, discard: true }
          )
          assert.strictEqual(points, killPoints)
        }).pipe(Effect.scoped, Effect.provide(quiet)),
      300_000
    )
  }

  it.live(
    "during sending loses no span, and duplicates are equal",
    () =>
      Effect.gen(function* () {
        yield* Effect.forEach(
          Array.from({ length: killPoints }, () => 1 + Math.floor(Math.random() * 2000)),
          Effect.fnUntraced(function* (killAt) {
            const directory = yield* folder
            const { asked, items, url } = yield* collector()
            const env = variables(url, directory, { ...traces, OTEL_BSP_SCHEDULE_DELAY: "1" })
            const { killed, lines } = yield* child(["100000"], env, killAt)
            assert.isTrue(killed)
            const before = asked.length
            const arrived = () => new Map(items().map((item) => [parsed(item).spanId, item]))
            yield* Support.until(() => Support.filesBelow(directory).length === 0).pipe(
              Effect.provide(Otlp.OtlpLayer),
              Effect.provide(environment(env))
            )
            const ids = arrived()
            assert.deepEqual(
              lines.filter((id) => !ids.has(id)),
              [],
              `killed at ${killAt}, after ${before} requests`
            )
            assert.strictEqual(new Set(items()).size, ids.size)
          }, Effect.scoped),
          { concurrency: 4, discard: true }
        )
      }).pipe(Effect.scoped, Effect.provide(quiet)),
    300_000
  )

  it.live(
    "with open spans lets the next process end them as crashed",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const env = variables(yield* unusedUrl, directory, traces)
        const before = Date.now()
        const { lines } = yield* child(["3", "span", "open"], env, 4)
        const after = Date.now()
        const spans = yield* recovered(directory, 5)
        const open = lines.find((line) => line.startsWith("open "))?.slice(5)
        const tool = spans.find(({ spanId }) => spanId === open)
        assert.strictEqual(tool?.name, "execute_tool wait")
        const turn = spans.find(({ name }) => name === "invoke_agent codex")
        for (const span of [tool, turn]) {
          const attributes = Object.fromEntries(
            (span?.attributes ?? []).map(({ key, value }) => [key, value])
          )
          assert.deepEqual(attributes["error.type"], { stringValue: "process_crashed" })
          assert.deepEqual(attributes["codex.incomplete"], { boolValue: true })
          assert.strictEqual(span?.status?.code, 2)
          const [start, end] = [span?.startTimeUnixNano, span?.endTimeUnixNano].map(
            (nanos) => Number(nanos) / 1e6
          )
          assert.isAtLeast(end ?? 0, start ?? Infinity)
          assert.isAtLeast(start ?? 0, before - 1)
          assert.isAtMost(end ?? Infinity, after + 1)
        }
        assert.deepInclude(tool?.attributes ?? [], {
          key: "gen_ai.tool.name",
          value: { stringValue: "wait" }
        })
        assert.strictEqual(spans.length, 5)
        assert.strictEqual(new Set(spans.map(({ spanId }) => spanId)).size, 5)
      }).pipe(Effect.scoped, Effect.provide(quiet)),
    300_000
  )
})

it.live(
  "of one of four processes in a shared spool loses no span and sends none twice",
  () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { answerWith, items, url } = yield* collector(Support.status(503))
      const env = variables(url, directory, traces)
      const results = yield* Effect.all(
        [
          child(["400", "a"], env),
          child(["400", "b"], env),
          child(["400", "c"], env),
          child(["100000", "d"], env, 150)
        ],
        { concurrency: 4 }
      )
      answerWith(Support.ok)
      const ids = results.flatMap(({ lines }) => lines)
      assert.isTrue(results[3]?.killed)
      assert.isAtLeast(ids.length, 1350)
      // Two that start at once: each of the folders is taken by one of them.
      const next = Support.until(() => Support.filesBelow(directory).length === 0).pipe(
        Effect.provide(Otlp.layer({ signals: ["traces"] })),
        Effect.provide(environment(env))
      )
      yield* Effect.all([next, next], { concurrency: 2 })
      const sent = items().map((item) => parsed(item).spanId ?? "")
      const arrived = new Set(sent)
      assert.deepEqual(
        ids.filter((id) => !arrived.has(id)),
        []
      )
      assert.strictEqual(sent.length, arrived.size)
      assert.deepEqual(Support.filesBelow(directory), [])
    }).pipe(Effect.scoped, Effect.provide(quiet)),
  300_000
)
