import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import type * as Settings from "../../src/telemetry/config/Settings.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Support from "../telemetry/spool/support.ts"

const { collector, environment, folder, unusedUrl, variables } = Support
const quiet = Logger.layer([])
const traces = { OTEL_LOGS_EXPORTER: "none" }

/** Runs `effect-codex trace flush`; sends SIGINT once `interruptWhen` returns true. */
const flush = (args: ReadonlyArray<string>, env: Settings.Environment, interruptWhen?: () => boolean) =>
  CommandLine.run({
    args: ["trace", "flush", ...args],
    env,
    ...(interruptWhen === undefined ? {} : { interruptWhen })
  }).pipe(Effect.provide(NodeServices.layer))

/** Leaves so many spans and two log records in a spool. */
const leave = (directory: string, count: number) =>
  Effect.gen(function* () {
    const env = variables(yield* unusedUrl, directory)
    yield* Effect.forEach(
      Array.from({ length: count - 1 }, (_, n) => n),
      (n) => Effect.void.pipe(Effect.withSpan(`span ${n}`)),
      { discard: true }
    ).pipe(
      Effect.andThen(Effect.logInfo("one")),
      Effect.andThen(Effect.logInfo("two")),
      Effect.withSpan("outer"),
      Effect.provide(Otlp.OtlpLayer),
      Effect.provide(environment(env)),
      Effect.provide(quiet)
    )
  })

describe("trace flush", () => {
  it.live(
    "sends what is left and reports it as text and as JSON",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const { items, url } = yield* collector()
        yield* leave(directory, 4)
        const { code, stderr, stdout } = yield* flush(["--json"], variables(url, directory))
        assert.deepEqual(JSON.parse(stdout), {
          directory,
          sent: { traces: 4, logs: 2 },
          dropped: { traces: 0, logs: 0 },
          left: { traces: 0, logs: 0 },
          inUse: [],
          notes: []
        })
        assert.deepEqual([code, stderr], [0, ""])
        assert.strictEqual(items().length, 6)
        assert.deepEqual(Support.filesBelow(directory), [])
        yield* leave(directory, 1)
        const { CODEX_OTLP_SPOOL_DIR: _, ...env } = variables(url, directory)
        const words = yield* flush(["--dir", directory], env)
        assert.deepEqual([words.code, words.stdout], [0, "sent: 1 span, 2 log records\n"])
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "keeps what it cannot send, and reports why",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const { asked, url } = yield* collector(Support.status(503))
        yield* leave(directory, 3)
        const { code, stdout } = yield* flush(["--timeout", "1s"], variables(url, directory))
        assert.strictEqual(code, 1)
        assert.include(stdout, `left in ${directory}: 3 spans, 2 log records`)
        assert.include(stdout, `HTTP 503 from ${url}`)
        assert.isAtLeast(asked.length, 2)
        const { items, url: back } = yield* collector()
        assert.strictEqual((yield* flush([], variables(back, directory))).code, 0)
        assert.strictEqual(items().length, 5)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "keeps what was not acknowledged when Ctrl-C stops it",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        let first = true
        const { asked, items, url } = yield* collector((request, response) => {
          // The first batch is taken, the second is never answered.
          if (first) Support.ok(request, response)
          first = false
        })
        yield* leave(directory, 30)
        const env = variables(url, directory, {
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10",
          OTEL_BSP_MAX_QUEUE_SIZE: "10",
          OTEL_BLRP_MAX_QUEUE_SIZE: "10"
        })
        const { code, stdout } = yield* flush(["--json"], env, () => asked.length >= 3)
        assert.strictEqual(code, 130)
        const { left, sent }: { left: Count; sent: Count } = JSON.parse(stdout)
        assert.strictEqual(sent.traces + sent.logs, items().length)
        assert.strictEqual(left.traces + left.logs, 32 - items().length)
        const { items: later, url: back } = yield* collector()
        yield* flush([], variables(back, directory))
        assert.sameMembers([...items(), ...later()].length === 32 ? ["all"] : [], ["all"])
        assert.strictEqual(new Set([...items(), ...later()]).size, 32)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "does not touch the spool of a running process, and prints its pid",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const away = yield* unusedUrl
        const { url } = yield* collector()
        const { code, stdout } = yield* Effect.void.pipe(
          Effect.withSpan("mine"),
          Effect.andThen(flush([], variables(url, directory))),
          Effect.provide(Otlp.OtlpLayer),
          Effect.provide(environment(variables(away, directory, traces))),
          Effect.provide(quiet)
        )
        assert.deepEqual([code, stdout], [0, `sent: 0 spans\nin use by pid ${process.pid}\n`])
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "fails without a spool directory, creates none, and sends nothing if telemetry is off",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const spool = join(directory, "spool")
        const { asked, url } = yield* collector()
        const { CODEX_OTLP_SPOOL_DIR: _, ...without } = variables(url, directory)
        const unnamed = yield* flush([], without)
        assert.strictEqual(unnamed.code, 2)
        assert.include(unnamed.stderr, "--dir")
        assert.strictEqual((yield* flush(["--timeout", "soon"], without)).code, 2)
        const none = yield* flush(["--dir", spool], without)
        assert.deepEqual([none.code, none.stdout], [0, "sent: 0 spans\n"])
        assert.isFalse(existsSync(spool))
        yield* leave(directory, 1)
        const off = yield* flush([], { ...variables(url, directory), OTEL_SDK_DISABLED: "true" })
        assert.strictEqual(off.code, 1)
        assert.strictEqual(asked.length, 0)
        assert.isAtLeast(Support.filesBelow(directory).length, 1)
      }).pipe(Effect.scoped),
    30_000
  )
})

interface Count {
  readonly traces: number
  readonly logs: number
}
