/**
 * A program as a user would write it: one turn that succeeds and one that fails, with the telemetry that the environment
 * configures. Prints the results of the turns to stdout, and to stderr how long the process took to end afterwards.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { writeSync } from "node:fs"
import { Codex } from "../src/Codex.ts"
import * as CodexError from "../src/domain/CodexError.ts"
import * as AppServer from "../src/engine/AppServer.ts"
import * as Scripted from "../src/testing/Scripted.ts"
import * as Otlp from "../src/telemetry/Otlp.ts"
import * as ModelServer from "../src/testing/ModelServer.ts"

class TurnsEnded extends Data.TaggedError("TurnsEnded")<{}> {}

const turns = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const cwd = yield* files.makeTempDirectoryScoped({ prefix: "effect-codex-matrix-" })
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd, sandbox: "read-only", approvalMode: "never" })
  const { message, modelCalls } = yield* thread.run("work")
  const failure = yield* Effect.flip(thread.run("fail"))
  return { message, modelCalls, failure: failure.errorType }
})

const scripted = Effect.gen(function* () {
  const bad = new CodexError.TurnFailed({ reason: "BadRequest", detail: "bad" })
  yield* Scripted.play([Scripted.command("true"), Scripted.message("It works."), Scripted.completed])
  yield* Scripted.play([Scripted.failed(bad)])
  return yield* turns
}).pipe(Effect.scoped, Effect.provide(Codex.layer.pipe(Layer.provideMerge(Scripted.layer))))

const real = Effect.gen(function* () {
  const { httpError, reply, shell, text, usage } = ModelServer
  const tokens = usage({ input: 10, output: 5 })
  const server = yield* ModelServer.make([
    reply(shell("true"), tokens),
    reply(text("It works."), tokens),
    httpError(400, { message: "bad" })
  ])
  const env = yield* ModelServer.home(server)
  return yield* Effect.provide(turns, Codex.layer.pipe(Layer.provideMerge(AppServer.layerOptions({ env }))))
}).pipe(Effect.scoped)

/** Prints what a Prometheus scrape returns now, if the endpoint is on. */
const scrape = Effect.promise(async () => {
  const port = process.env["OTEL_EXPORTER_PROMETHEUS_PORT"]
  if (port === undefined) return
  try {
    writeSync(2, `${await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()}\n`)
  } catch {
    writeSync(2, "nothing to scrape\n")
  }
})

const onStderr = Logger.make<unknown, void>(({ message }) => {
  try {
    writeSync(2, `${[message].flat().join(" ")}\n`)
  } catch {
    // The reader of stderr is gone.
  }
})

let ended = 0
const program = Effect.gen(function* () {
  const result = yield* process.argv[2] === "codex" ? real : scripted
  yield* scrape
  ended = performance.now()
  writeSync(1, `${JSON.stringify(result)}\n`)
  // Fails, so that the matrix can check that telemetry does not change the exit code.
  return yield* new TurnsEnded()
})

process.on("exit", () => {
  try {
    writeSync(2, `held ${Math.round(performance.now() - ended)}\n`)
  } catch {
    // As above.
  }
})

program.pipe(
  Effect.provide(
    Otlp.OtlpLayer.pipe(Layer.provideMerge(Layer.merge(NodeServices.layer, Logger.layer([onStderr]))))
  ),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
