/**
 * A long-lived worker: runs each file in `WORKER_DIR/inbox` as a turn, several at a time, and writes the answer to
 * `WORKER_DIR/done`. SIGTERM drains it: it takes no new job, completes the running ones, and puts back what takes too long.
 *
 * WORKER_DIR=/var/lib/agents node examples/worker.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Config, Console, Effect, FiberSet, FileSystem, Layer, Path, Schedule, Semaphore } from "effect"
import { AppServer, Codex, OtlpLayer } from "effect-codex"

const concurrency = 4
const drainTimeout = "1 minute"

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const codex = yield* Codex
  const root = yield* Config.String("WORKER_DIR")
  const file = (state: "inbox" | "running" | "done", name: string) => path.join(root, state, name)
  for (const state of ["inbox", "running", "done"] as const)
    yield* fs.makeDirectory(file(state, ""), { recursive: true, mode: 0o700 })
  // A worker that was killed leaves jobs behind. They start again.
  for (const name of yield* fs.readDirectory(file("running", "")))
    yield* fs.rename(file("running", name), file("inbox", name))

  const answer = Effect.fn("answer")(function* (name: string) {
    const thread = yield* codex.startThread({
      cwd: root,
      sandbox: "read-only",
      source: "worker",
      ephemeral: true
    })
    const prompt = yield* fs.readFileString(file("running", name))
    const turn = yield* thread.run(prompt, {
      timeout: "10 minutes",
      budget: { tokens: 500_000 },
      // A failure that may pass is tried again, if the turn has changed nothing.
      retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))
    })
    return turn.message
  }, Effect.scoped)

  const runJob = (name: string) =>
    answer(name).pipe(
      // A job that cannot succeed must not stop the worker.
      Effect.catch((error) => Effect.succeed(`failed: ${error.message}`)),
      Effect.flatMap((text) => fs.writeFileString(file("done", name), text)),
      Effect.andThen(fs.remove(file("running", name))),
      Effect.andThen(Console.log(`done: ${name}`)),
      Effect.onInterrupt(() => Effect.orDie(fs.rename(file("running", name), file("inbox", name))))
    )

  const slots = yield* Semaphore.make(concurrency)
  const jobs = yield* FiberSet.make<void, unknown>()
  // Finalizers run in reverse order: this one runs before the set closes and interrupts the remaining jobs.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      yield* Console.log(`draining ${yield* FiberSet.size(jobs)} jobs`)
      yield* Effect.timeoutOption(FiberSet.awaitEmpty(jobs), drainTimeout)
    })
  )

  const takeJobs = Effect.gen(function* () {
    for (const name of yield* fs.readDirectory(file("inbox", ""))) {
      yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* restore(Semaphore.take(slots, 1))
          yield* fs.rename(file("inbox", name), file("running", name))
          const job = Effect.ensuring(runJob(name), Semaphore.release(slots, 1))
          yield* FiberSet.run(jobs, Effect.interruptible(job))
        })
      )
    }
  })
  yield* Console.log("waiting for jobs")
  yield* Effect.repeat(takeJobs, Schedule.spaced("100 millis"))
}).pipe(Effect.scoped)

program.pipe(
  Effect.provide(
    Codex.layer.pipe(
      Layer.provide(AppServer.layer),
      Layer.provideMerge(OtlpLayer),
      Layer.provideMerge(NodeServices.layer)
    )
  ),
  NodeRuntime.runMain
)
