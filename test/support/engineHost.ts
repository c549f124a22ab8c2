/** Engine hosts of tests: a scripted model, a home for Codex, and a directory that is stopped when the scope closes. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import type { Thread } from "../../src/Thread.ts"
import * as CodexHome from "./codexHome.ts"

/** Makes a private directory where no sandbox can write. */
export const directory = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "codex-host-" })
)

/** A reply that begins at once, and ends when the test lets it. */
export const held = Effect.map(Deferred.make<void>(), (gate) => ({
  release: Deferred.succeed(gate, undefined),
  reply: ModelServer.reply(
    ModelServer.text("begun", { deltas: true }),
    ModelServer.until(Deferred.await(gate)),
    ModelServer.text("finished")
  )
}))

/** Runs a turn that gets the reply of `held`, and waits until the reply has begun. */
export const begin = Effect.fnUntraced(function* (thread: Thread) {
  const begun = yield* Deferred.make<void>()
  const running = yield* Effect.forkChild(
    Stream.runForEach(thread.stream("go"), (event) =>
      event._tag === "MessageDelta" ? Deferred.succeed(begun, undefined) : Effect.void
    )
  )
  yield* Deferred.await(begun)
  return running
})

/** The process of the newest Codex. */
export const pidOf = (status: EngineHost.HostStatus): number => status.generations.at(-1)?.pid ?? 0

/** The settings of a host whose Codex uses a scripted model. Stops the host when the scope closes. */
export const make = Effect.fnUntraced(function* (
  script: ModelServer.Script,
  options: Partial<EngineHost.EngineHostOptions> = {}
) {
  const fs = yield* FileSystem.FileSystem
  const model = yield* ModelServer.make(script)
  const env = yield* CodexHome.make(model)
  const workspace = yield* Effect.flatMap(
    fs.makeTempDirectoryScoped({ prefix: "effect-codex-workspace-" }),
    fs.realPath
  )
  const dir = yield* directory
  const settings = { dir, env, ...options }
  yield* Effect.addFinalizer(() => Effect.ignore(EngineHost.stop(dir)))
  return {
    dir,
    env,
    model,
    settings,
    workspace,
    /** Each layer is a client of its own. */
    layer: Layer.fresh(Codex.layer).pipe(Layer.provideMerge(EngineHost.layer(settings))),
    start: EngineHost.start(settings),
    startThread: Codex.use(({ startThread }) => startThread({ cwd: workspace, sandbox: "read-only" })),
    status: Effect.flatMap(EngineHost.status(dir), Effect.fromOption),
    log: Effect.sync(() => readFileSync(`${dir}/host.log`, "utf8"))
  }
})
