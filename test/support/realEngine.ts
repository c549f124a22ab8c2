/** Runs the real Codex as an engine, with a scripted model and its own home and workspace. */
import { ThreadId } from "../../src/domain/Ids.ts"
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Tool from "effect/ai/Tool"
import { readFileSync, readdirSync } from "node:fs"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import type * as Thread from "../../src/Thread.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CodexHome from "./codexHome.ts"
import { onTestClock } from "./live.ts"

export const make = Effect.fnUntraced(function* (
  script: ModelServer.Script,
  options: { readonly config?: string; readonly engine?: AppServer.AppServerOptions } = {}
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  // One object, to which a test may add before the engine starts.
  const env = { ...options.engine?.env, ...(yield* CodexHome.make(server, { config: options.config })) }
  const workspace = yield* Effect.flatMap(
    fs.makeTempDirectoryScoped({ prefix: "effect-codex-workspace-" }),
    fs.realPath
  )
  yield* Effect.addFinalizer((exit) =>
    exit._tag === "Success"
      ? Effect.map(server.unexpected, (unexpected) => assert.deepStrictEqual(unexpected, []))
      : Effect.void
  )
  const settings = { cwd: workspace, sandbox: "workspace-write", approvalMode: "on-request" } as const
  return {
    server,
    workspace,
    env,
    layer: Layer.fresh(Codex.layer).pipe(
      Layer.provideMerge(
        // A loaded machine may need longer than the default to start a process.
        AppServer.layerOptions({
          startTimeout: "1 minute",
          ...options.engine,
          env
        })
      )
    ),
    start: <Tools extends Record<string, Tool.Any> = {}>(more: ThreadOptions<Tools> = {}) =>
      Effect.flatMap(Codex, (codex) => codex.startThread({ ...settings, ...more })),
    resume: <Tools extends Record<string, Tool.Any> = {}>(id: string, more: ThreadOptions<Tools> = {}) =>
      Effect.flatMap(Codex, (codex) => codex.resumeThread(ThreadId.make(id), { ...settings, ...more })),
    fork: <Tools extends Record<string, Tool.Any> = {}>(id: string, more: ThreadOptions<Tools> = {}) =>
      Effect.flatMap(Codex, (codex) => codex.forkThread(ThreadId.make(id), { ...settings, ...more })),
    exists: (name: string) => Effect.orDie(fs.exists(name.startsWith("/") ? name : `${workspace}/${name}`)),
    /** Returns the processes that use this home, and whether each is a child of this process. */
    processes: Effect.sync(() => processesIn(env.CODEX_HOME))
  }
})

/**
 * Runs a turn on a test clock that reaches the turn's timeout only after an event, however slow the machine is. Returns
 * the error of the turn.
 */
export const timeOutAfter = (
  thread: Thread.Thread,
  prompt: string,
  timeout: Duration.Input,
  isReached: (event: Turn.TurnEvent) => boolean
) =>
  onTestClock(
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const running = yield* thread.stream(prompt, { timeout }).pipe(
        Stream.tap((event) => (isReached(event) ? Deferred.succeed(reached, undefined) : Effect.void)),
        Stream.runDrain,
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.raceFirst(Deferred.await(reached), Fiber.await(running))
      yield* TestClock.adjust(timeout)
      return yield* Fiber.join(running)
    })
  )

const processesIn = (home: string) =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(`CODEX_HOME=${home}`))
          return []
        // The fields after the name in parentheses are state, parent, ...
        const [state, parent] = readFileSync(`/proc/${name}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ")
        return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent) }]
      } catch {
        return []
      }
    })
