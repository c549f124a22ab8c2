import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import type * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Support from "../telemetry/spool/support.ts"

const { collector, environment, folder, nobody, variables } = Support
const quiet = Logger.layer([])
const traces = { OTEL_LOGS_EXPORTER: "none" }

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** `effect-codex trace flush`; `interrupt` is asked every now and then whether to press Ctrl-C. */
const flush = (
  args: ReadonlyArray<string>,
  env: Settings.Environment,
  interrupt: () => boolean = () => false
): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
    const started = spawn(process.execPath, [program, "trace", "flush", ...args], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    started.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
    started.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()))
    const timer = setInterval(() => {
      if (!interrupt()) return
      clearInterval(timer)
      started.kill("SIGINT")
    }, 10)
    started.once("close", (code) => {
      clearInterval(timer)
      resume(Effect.succeed({ code, out, err }))
    })
    return Effect.sync(() => {
      clearInterval(timer)
      started.kill("SIGKILL")
    })
  })

/** Leaves so many spans and two log records in a spool. */
const leave = (directory: string, count: number) =>
  Effect.gen(function* () {
    const env = variables(yield* nobody, directory)
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
    "sends what is left and says so, in words and in JSON",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const { items, url } = yield* collector()
        yield* leave(directory, 4)
        const { code, err, out } = yield* flush(["--json"], variables(url, directory))
        assert.deepEqual(JSON.parse(out), {
          directory,
          sent: { traces: 4, logs: 2 },
          dropped: { traces: 0, logs: 0 },
          left: { traces: 0, logs: 0 },
          inUse: [],
          notes: []
        })
        assert.deepEqual([code, err], [0, ""])
        assert.strictEqual(items().length, 6)
        assert.deepEqual(Support.filesBelow(directory), [])
        yield* leave(directory, 1)
        const { CODEX_OTLP_SPOOL_DIR: _, ...env } = variables(url, directory)
        const words = yield* flush(["--dir", directory], env)
        assert.deepEqual([words.code, words.out], [0, "sent: 1 span, 2 log records\n"])
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "leaves what it cannot send, and says why",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const { asked, url } = yield* collector(Support.status(503))
        yield* leave(directory, 3)
        const { code, out } = yield* flush(["--timeout", "1s"], variables(url, directory))
        assert.strictEqual(code, 1)
        assert.include(out, `left in ${directory}: 3 spans, 2 log records`)
        assert.include(out, `HTTP 503 from ${url}`)
        assert.isAtLeast(asked.length, 2)
        const { items, url: back } = yield* collector()
        assert.strictEqual((yield* flush([], variables(back, directory))).code, 0)
        assert.strictEqual(items().length, 5)
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "stopped with Ctrl-C keeps what was not acknowledged",
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
        const { code, out } = yield* flush(["--json"], env, () => asked.length >= 3)
        assert.strictEqual(code, 130)
        const { left, sent }: { left: Count; sent: Count } = JSON.parse(out)
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
    "does not touch what a living process has, and tells whose it is",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const away = yield* nobody
        const { url } = yield* collector()
        const { code, out } = yield* Effect.void.pipe(
          Effect.withSpan("mine"),
          Effect.andThen(flush([], variables(url, directory))),
          Effect.provide(Otlp.OtlpLayer),
          Effect.provide(environment(variables(away, directory, traces))),
          Effect.provide(quiet)
        )
        assert.deepEqual([code, out], [0, `sent: 0 spans\nin use by pid ${process.pid}\n`])
      }).pipe(Effect.scoped),
    30_000
  )

  it.live(
    "without a spool is told so, makes none, and sends nothing where nothing may be sent",
    () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const spool = join(directory, "spool")
        const { asked, url } = yield* collector()
        const { CODEX_OTLP_SPOOL_DIR: _, ...without } = variables(url, directory)
        const unnamed = yield* flush([], without)
        assert.strictEqual(unnamed.code, 2)
        assert.include(unnamed.err, "--dir")
        assert.strictEqual((yield* flush(["--timeout", "soon"], without)).code, 2)
        const none = yield* flush(["--dir", spool], without)
        assert.deepEqual([none.code, none.out], [0, "sent: 0 spans\n"])
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
