/**
 * Connects this terminal with the terminal of a command. The terminal of the command interprets all keys, Ctrl-C included, and
 * its output is unchanged.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import type * as Exec from "../domain/Exec.ts"

/** The size of this terminal. A terminal of no size, such as one over a serial line, gets the usual one. */
export const size = (): Exec.TerminalSize => ({
  rows: process.stdout.rows || 24,
  columns: process.stdout.columns || 80
})

const setRawMode = (isRaw: boolean): void => {
  // A terminal that has gone cannot be restored.
  if (process.stdin.isTTY) process.stdin.setRawMode(isRaw)
}

const restore = () => setRawMode(false)

/** Passes every key on as it is typed, until the scope closes or the process exits for another reason. */
const rawMode = Effect.acquireRelease(
  Effect.sync(() => {
    process.once("exit", restore)
    setRawMode(true)
  }),
  () =>
    Effect.sync(() => {
      process.off("exit", restore)
      restore()
    })
)

/** The new sizes of this terminal. */
const sizes = Effect.gen(function* () {
  const queue = yield* Queue.sliding<Exec.TerminalSize>(1)
  const onResize = () => Queue.offerUnsafe(queue, size())
  yield* Effect.acquireRelease(
    Effect.sync(() => process.stdout.on("resize", onResize)),
    () => Effect.sync(() => process.stdout.off("resize", onResize))
  )
  // The size may have changed while the command started.
  onResize()
  return Stream.fromQueue(queue)
})

/** Shows the terminal of a command until the command ends, and returns its exit code. */
export const attach = Effect.fnUntraced(function* (handle: Exec.ExecHandle) {
  const stdio = yield* Stdio.Stdio
  yield* rawMode
  // A command that has ended has no size.
  const resize = (next: Exec.TerminalSize) => Effect.ignore(handle.resize(next))
  yield* Effect.forkScoped(Stream.runForEach(yield* sizes, resize))
  // The reader of this terminal can go at any time. The command ends by itself then.
  yield* Stream.run(handle.stdout, stdio.stdout({ endOnDone: false })).pipe(
    Effect.catchTag("PlatformError", () => Effect.void)
  )
  return yield* handle.exitCode
})
