/** The normalized trace of a scenario on the real Codex, and the violations of its telemetry. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { fileURLToPath } from "node:url"
import { Codex } from "../../src/Codex.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as Captured from "../../src/testing/Captured.ts"
import * as Golden from "../../src/testing/Golden.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as Check from "../../src/trace/Check.ts"
import type { Scenario } from "../golden/scenarios.ts"
import * as CodexHome from "../support/codexHome.ts"

export const fileOf = (name: string): string => fileURLToPath(new URL(`./${name}.trace`, import.meta.url))

const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-traces-" })
  const workspace = `${yield* fs.realPath(folder)}/workspace`
  yield* fs.makeDirectory(workspace)
  return workspace
})

export const run = Effect.fnUntraced(function* (scenario: Scenario) {
  const server = yield* ModelServer.make(scenario.script)
  const env = yield* CodexHome.make(server, { config: scenario.config })
  const workspace = yield* temporary
  return yield* Effect.gen(function* () {
    yield* scenario
      .program(workspace)
      .pipe(
        Effect.scoped,
        Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(AppServer.layerOptions({ env }))))
      )
    const emitted = yield* Captured.all
    return {
      text: `${yield* Golden.trace({ attributes: "all" })}\n`,
      findings: Check.checkTelemetry(emitted, { revision: "latest" })
    }
  }).pipe(Effect.provide(Layer.fresh(Captured.layer)))
})
