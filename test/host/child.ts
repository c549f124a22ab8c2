/** A program that runs a turn on an engine host, prints the id of its thread, and is killed meanwhile. */
import { Effect, Layer, Logger, Stream } from "effect"
import { writeSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"

const [dir = "", cwd = "", home = "{}"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd })
  yield* Stream.runForEach(thread.stream("go"), (event) =>
    Effect.sync(() => {
      if (event._tag === "MessageDelta") writeSync(1, `${thread.id}\n`)
    })
  )
}).pipe(
  Effect.scoped,
  Effect.provide(
    Codex.layer.pipe(
      Layer.provide(EngineHost.layer({ dir, env: JSON.parse(home) })),
      // stdout has only the id.
      Layer.merge(Logger.layer([]))
    )
  )
)

await Effect.runPromise(program)
