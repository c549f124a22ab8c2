/** Engine hosts of tests: a scripted model, a home for Codex, and a directory that is stopped when the scope closes. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CodexHome from "./codexHome.ts"

/** Makes a private directory where no sandbox can write. */
export const directory = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "codex-host-" })
)

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
    status: Effect.flatMap(EngineHost.status(dir), Effect.fromOption),
    log: Effect.sync(() => readFileSync(`${dir}/host.log`, "utf8"))
  }
})
