/** Starts workers of durable turns as processes of their own, and waits for what they do. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { Store } from "../../src/durable/store/Store.ts"
import { bundle } from "./bundle.ts"

/** The lines of a file that may not exist. */
export const lines = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []

/** Starts a worker, and waits until it is ready. It is killed when the scope closes. */
export const start = Effect.fnUntraced(function* (
  paths: readonly [db: string, socket: string, calls: string],
  env: Readonly<Record<string, string>> = {}
) {
  const program = bundle(new URL("../services/durable/worker.ts", import.meta.url))
  const child = spawn(process.execPath, [program, ...paths], {
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"], ...env },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exited = once(child, "exit")
  yield* Effect.addFinalizer(() =>
    Effect.promise(() => {
      child.kill("SIGKILL")
      return exited
    })
  )
  yield* Effect.promise(() => Promise.race([once(child.stdout, "data"), exited]))
  child.stdout.resume()
  return child
})

/** Whether a process was stopped by SIGSTOP. */
export const isFrozen = ({ pid }: ChildProcess): boolean =>
  / T /.test(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/\(.*\)/, ""))

/** Waits until something is true in the database, or in a file. */
export const until = <E, R>(what: string, isTrue: Effect.Effect<boolean, E, R>) =>
  Effect.flatMap(Store, ({ changes }) =>
    Stream.merge(changes, Stream.tick("50 millis")).pipe(
      Stream.mapEffect(() => isTrue),
      Stream.takeUntil((found) => found),
      Stream.runDrain,
      Effect.timeoutOrElse({ duration: "1 minute", orElse: () => Effect.die(new Error(`never: ${what}`)) }),
      Effect.orDie
    )
  )
