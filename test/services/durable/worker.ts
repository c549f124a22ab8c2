/** A worker of durable turns with tools, as a process of its own. Prints "ready" when it runs. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { appendFileSync, existsSync } from "node:fs"
import { Codex } from "../../../src/Codex.ts"
import type { CodexError } from "../../../src/domain/CodexError.ts"
import * as DurableRunnerPostgres from "../../../src/durable-postgres/DurableRunnerPostgres.ts"
import { DurableRunner } from "../../../src/durable/runner/DurableRunner.ts"
import { Engines } from "../../../src/durable/runner/Engines.ts"
import * as AppServer from "../../../src/engine/AppServer.ts"
import * as Engine from "../../../src/engine/Engine.ts"
import { OtlpLayer } from "../../../src/telemetry/Otlp.ts"
import * as ToolJournal from "../../../src/tool/ToolJournal.ts"
import * as ToolSettings from "../../../src/tool/ToolSettings.ts"

/** `sockets` are the paths of one or more engines, separated by commas. */
const [, , db = "", sockets = "", calls = ""] = process.argv

const tool = (name: string, sideEffect: ToolSettings.SideEffect, needsApproval = false) =>
  Tool.make(name, { success: Schema.String, needsApproval }).annotate(ToolSettings.SideEffects, sideEffect)

const Tools = Toolkit.make(
  tool("charge", "once", true),
  tool("transfer", "once"),
  tool("put", "idempotent"),
  tool("note", "once")
)

const call = (name: string) =>
  Effect.map(ToolJournal.IdempotencyKey, (key) => appendFileSync(calls, `${name} ${key} ${process.pid}\n`))

/** Runs for ever in the first worker, which is killed. */
const hangs = (name: string) =>
  Effect.andThen(call(name), process.env["HANG"] === "1" ? Effect.never : Effect.succeed("done"))

/** Waits until the test creates a file, if it names one. */
const gate = process.env["GATE"]
const passGate = Effect.suspend(() =>
  gate === undefined || existsSync(gate) ? Effect.void : Effect.fail("closed")
).pipe(Effect.retry(Schedule.spaced("20 millis")), Effect.orDie)

/** How long `note` takes, so that a test can kill the worker meanwhile. */
const noteTakes = Effect.sleep(Number(process.env["NOTE_MILLIS"] ?? 0))

const handlers = Tools.toLayer({
  charge: () => Effect.as(call("charge"), "charged"),
  transfer: () => hangs("transfer"),
  put: () => hangs("put"),
  note: () => call("note").pipe(Effect.andThen(passGate), Effect.andThen(noteTakes), Effect.as("noted"))
})

/** What happens right before the first turn is requested: `check` says whether the worker may still start it. */
const atStart: Readonly<Record<string, (check: Check) => ReturnType<Check>>> = {
  /** Dies right after the request has been written, and before its reply. */
  DIE_AT_START: (check) => {
    setImmediate(() => process.kill(process.pid, "SIGKILL"))
    return check()
  },
  /** Freezes before the request is written, and writes whether it was refused after the thaw. */
  FREEZE_AT_START: (check) => {
    process.kill(process.pid, "SIGSTOP")
    const refusal = check()
    appendFileSync(calls, `${refusal?._tag ?? "started"} - ${process.pid}\n`)
    return refusal
  }
}
type Check = NonNullable<Engine.EngineTurnOptions["beforeStart"]>

const happening = Object.entries(atStart).find(([name]) => process.env[name] === "1")?.[1]
const withHappening =
  (happens: (check: Check) => ReturnType<Check>) =>
  (thread: Engine.EngineThread): Engine.EngineThread => {
    let isFirst = true
    return {
      ...thread,
      turn: (input, options, turnHandlers) =>
        thread.turn(
          input,
          {
            ...options,
            beforeStart: () => {
              const check = () => options.beforeStart?.()
              const result = isFirst ? happens(check) : check()
              isFirst = false
              return result
            }
          },
          turnHandlers
        )
    }
  }

const [socket = "", ...otherSockets] = sockets.split(",")
const layerSocket = AppServer.layerSocket({ path: socket })
const engine =
  happening !== undefined
    ? Layer.effect(
        Engine.Engine,
        Effect.map(Engine.Engine, (engine) =>
          Engine.Engine.of({
            ...engine,
            startThread: (options) => Effect.map(engine.startThread(options), withHappening(happening))
          })
        )
      ).pipe(Layer.provide(layerSocket))
    : layerSocket

const codex: Layer.Layer<Codex, CodexError> =
  otherSockets.length === 0
    ? Codex.layer.pipe(Layer.provide(engine))
    : Engines.layer(
        [socket, ...otherSockets].map((path) => ({ name: path, engine: AppServer.layerSocket({ path }) }))
      )

const services = Layer.mergeAll(handlers, codex)
const worker: Layer.Layer<DurableRunner, CodexError> = db.startsWith("postgres:")
  ? DurableRunnerPostgres.layer({
      url: Redacted.make(db),
      tools: Tools,
      failover: "3 seconds",
      // Some tests open the gate of the tools after a worker has joined, which takes long on a slow machine.
      drainDeadline: `${Number(process.env["DRAIN_SECONDS"] ?? 60)} seconds`
    }).pipe(Layer.provide(services))
  : DurableRunner.layerSqlite({ path: db, tools: Tools }).pipe(Layer.provide(services))

NodeRuntime.runMain(
  Effect.andThen(
    Effect.sync(() => process.stdout.write("ready\n")),
    Effect.never
  ).pipe(Effect.provide(worker.pipe(Layer.provideMerge(OtlpLayer))))
)
