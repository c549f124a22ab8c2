/** Where codex is looked for. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Nodepath from "node:path"
import * as CodexBinary from "../../../src/engine/app-server/CodexBinary.ts"

it.effect("the search path finds codex in absolute directories only, so never in the working directory", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    yield* fs.writeFileString(`${directory}/codex`, "")
    const relative = Nodepath.relative(process.cwd(), directory)
    assert.isTrue(yield* fs.exists(`${relative}/codex`))
    assert.isUndefined(yield* CodexBinary.findOnPath(`:${relative}:.`))
    assert.isUndefined(yield* CodexBinary.findOnPath(undefined))
    assert.deepStrictEqual(yield* CodexBinary.findOnPath(`${relative}:/nonexistent:${directory}`), {
      command: `${directory}/codex`,
      args: []
    })
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
)
