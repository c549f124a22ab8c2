/** A runner of its own process: holds the store of a SQLite file, says so, and waits until it is killed. */
import * as Effect from "effect/Effect"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"

const program = Effect.gen(function* () {
  yield* Store
  process.stdout.write("ready\n")
  // Something has to keep the process alive.
  return yield* Effect.callback<never>(() => {
    setInterval(() => {}, 60_000)
  })
}).pipe(Effect.provide(layerRunner({ path: process.argv[2] ?? "" })))

void Effect.runPromise(program)
