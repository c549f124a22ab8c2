/**
 * The worker of `durable`: node bench/durableWorker.ts durable|loop|plain DATABASE. Its engine is scripted, so a turn of Codex
 * costs next to nothing. It sends when each turn starts and ends.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import { Codex } from "../src/Codex.ts"
import * as DurableRunnerPostgres from "../src/durable-postgres/DurableRunnerPostgres.ts"
import { DurableRunner } from "../src/durable/runner/DurableRunner.ts"
import * as Engine from "../src/engine/Engine.ts"
import * as Scripted from "../src/testing/Scripted.ts"
import * as ScriptedEngine from "../src/testing/scripted/ScriptedEngine.ts"
import * as Loop from "./durableLoop.ts"

const [, , kind = "", database = ""] = process.argv

/** The monotonic clock, which all processes of the machine share, in milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6
const send = (message: object) => void process.send?.(message)

const steps = [Scripted.command("echo one", { output: "one" }), Scripted.message("Done."), Scripted.completed]

/** The scripted engine, which plays the same turn again and again and reports its start and end. */
const layerEngine = Layer.effect(
  Engine.Engine,
  Effect.map(
    ScriptedEngine.make(false, () => steps),
    (scripted) => {
      const { engine } = scripted.connect()
      const timed = (thread: Engine.EngineThread): Engine.EngineThread => ({
        ...thread,
        turn: (input, options, handlers) =>
          Effect.suspend(() => {
            const key = typeof input === "string" ? input : ""
            send({ key, started: now() })
            return Effect.ensuring(
              thread.turn(input, options, handlers),
              Effect.sync(() => send({ key, ended: now() }))
            )
          })
      })
      return Engine.Engine.of({
        ...engine,
        startThread: (options) => Effect.map(engine.startThread(options), timed),
        // A worker that lost its turn for a moment opens the thread again.
        resumeThread: (id, options) => Effect.map(engine.resumeThread(id, options), timed)
      })
    }
  )
)

const layerCodex = Codex.layer.pipe(Layer.provide(layerEngine))

const run = (input: string) =>
  Effect.gen(function* () {
    const thread = yield* Codex.use((codex) => codex.startThread())
    return (yield* thread.run(input)).message
  }).pipe(Effect.scoped, Effect.orDie)

const ready = Effect.sync(() => send({ ready: true }))

const durable = database.startsWith("postgres:")
  ? Layer.orDie(Layer.provide(DurableRunnerPostgres.layer({ url: Redacted.make(database) }), layerCodex))
  : Layer.orDie(Layer.provide(DurableRunner.layerSqlite({ path: database }), layerCodex))

/** Runs turns that are stored nowhere. */
const plain = Effect.gen(function* () {
  const services = yield* Effect.context<Codex>()
  yield* ready
  while (true) {
    const [keys] = yield* Effect.promise(() => once(process, "message"))
    const names = Array.isArray(keys) ? keys.map(String) : []
    yield* Effect.forEach(names, run, { concurrency: "unbounded" }).pipe(Effect.provideContext(services))
    send({ done: now() })
  }
})

const program =
  kind === "durable"
    ? Effect.provide(Effect.andThen(ready, Effect.never), durable)
    : kind === "loop"
      ? Effect.gen(function* () {
          const services = yield* Effect.context<Codex>()
          yield* Loop.createTable
          yield* ready
          return yield* Loop.work((input) => Effect.provideContext(run(input), services))
        }).pipe(Effect.scoped, Effect.provide([Loop.layerSql(database), layerCodex]))
      : Effect.provide(plain, layerCodex)

process.once("disconnect", () => process.exit(0))
// Something has to keep the process alive.
setInterval(() => {}, 60_000)
await Effect.runPromise(Effect.provide(program, Logger.layer([])))
