import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { Codex } from "../../src/Codex.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Host from "../support/engineHost.ts"
import { test } from "../support/live.ts"
import { isAlive } from "../support/processes.ts"

describe.concurrent("an engine host", () => {
  test("is started on demand by two clients at once, runs their turns, and leaves nothing when it stops", () =>
    Effect.gen(function* () {
      const host = yield* Host.make([M.reply(M.text("one")), M.reply(M.text("two"))])
      const turn = Effect.flatMap(Codex, (codex) => codex.startThread({ cwd: host.workspace })).pipe(
        Effect.flatMap((thread) => thread.run("go")),
        Effect.scoped,
        Effect.provide(host.layer)
      )
      const turns = yield* Effect.all([turn, turn], { concurrency: 2 })
      assert.sameMembers(
        turns.map(({ message }) => message),
        ["one", "two"]
      )
      const status = yield* host.status
      assert.strictEqual(status.generations.length, 1)
      assert.strictEqual(status.restarts, 0)
      assert.strictEqual(status.clients, 0)
      const pids = [status.pid, ...status.generations.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))]
      assert.isTrue(pids.length === 2 && pids.every(isAlive))
      assert.isTrue(yield* EngineHost.stop(host.dir))
      assert.deepStrictEqual(pids.filter(isAlive), [])
      assert.deepStrictEqual(yield* EngineHost.status(host.dir), Option.none())
      const fs = yield* FileSystem.FileSystem
      assert.sameMembers(yield* fs.readDirectory(host.dir), ["host.log", "lock"])
      assert.isFalse(yield* EngineHost.stop(host.dir))
    }))
})
