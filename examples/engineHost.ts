/**
 * A turn that outlives its program. The first part starts a turn on an engine host and ends in the middle of it, as a program
 * does that is deployed again. The second part finds the turn by its key and waits for its end. The model is asked once.
 *
 * HOST_DIR=/var/lib/agents/host node examples/engineHost.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer, Option, Stream } from "effect"
import { Codex, EngineHost } from "effect-codex"

const prompt = "Summarize README.md"
const key = "summary-1"

/** Each part has a connection of its own, as two processes have. */
const connected = <A, E>(dir: string, part: Effect.Effect<A, E, Codex>) =>
  Effect.provide(part, Layer.fresh(Codex.layer.pipe(Layer.provide(EngineHost.layer({ dir })))))

const first = Effect.gen(function* () {
  const codex = yield* Codex
  // By default, a turn is interrupted when its scope closes. A program that is killed leaves it running in any case.
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only", onScopeClose: "detach" })
  yield* thread.stream(prompt, { key }).pipe(
    Stream.takeUntil((event) => event._tag === "MessageDelta"),
    Stream.runDrain
  )
  return thread.id
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const dir = yield* Config.String("HOST_DIR")
  const id = yield* connected(dir, first)
  const status = yield* EngineHost.status(dir)
  yield* Console.log(`the host goes on: ${Option.isSome(status)}`)
  const second = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.resumeThread(id)
    return yield* thread.run(prompt, { key })
  }).pipe(Effect.scoped)
  const turn = yield* connected(dir, second)
  yield* Console.log(turn.message)
  // Otherwise the host ends by itself, when it is idle for ten minutes.
  yield* EngineHost.stop(dir)
})

NodeRuntime.runMain(program)
