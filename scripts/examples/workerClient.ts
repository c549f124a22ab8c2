/** Uses examples/worker.ts: a job that it completes, a job during which SIGTERM drains it, and a job that comes too late. */
import { Effect } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import type { Env } from "./Example.ts"
import { checker, outputOf, processesWith } from "./observe.ts"

const { reply, shell, text } = ModelServer
const { check, until } = checker("worker")

/** A command that no other process of the machine runs: it waits for a file. */
const waits = `until [ -e "$PWD/go-${process.pid}" ]; do sleep 0.05; done`

export const script: ModelServer.Script = (request) =>
  request.lastUserText === "wait" && request.toolOutputs.length === 0
    ? reply(shell(waits))
    : reply(text(`Answer to ${request.lastUserText}.`))

/** Runs while the example runs. */
export const drive = Effect.fnUntraced(function* (
  handle: ChildProcessSpawner.ChildProcessHandle,
  { home, root }: Env
) {
  const output = yield* outputOf(handle)
  /** A job appears as a whole. */
  const put = (name: string, prompt: string) => {
    writeFileSync(`${root}/${name}`, prompt)
    renameSync(`${root}/${name}`, `${root}/inbox/${name}`)
  }
  const done = (name: string) =>
    existsSync(`${root}/done/${name}`) ? readFileSync(`${root}/done/${name}`, "utf8") : undefined

  yield* until("it waits for jobs", () => output().includes("waiting for jobs"))
  put("first", "one")
  yield* until("it completes a job", () => output().includes("done: first"))
  yield* check("it writes the answer", done("first") === "Answer to one.")

  put("second", "wait")
  yield* until("the command of the second job runs", () => processesWith(`go-${process.pid}`).length > 0)
  // Only the worker: it ends Codex.
  process.kill(handle.pid, "SIGTERM")
  yield* until("it drains", () => output().includes("draining 1 jobs"))
  put("late", "three")
  writeFileSync(`${root}/go-${process.pid}`, "")
  yield* handle.exitCode
  yield* check("the running job completes", done("second") === "Answer to wait.")
  yield* check("no new job is taken", readdirSync(`${root}/inbox`).join() === "late")
  yield* until("nothing is left", () => processesWith(home).length === 0)
  return output()
})
