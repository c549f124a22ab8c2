import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { readFileSync, writeFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as HostUpgrade from "../../src/host/HostUpgrade.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Host from "../support/engineHost.ts"
import { test, until } from "../support/live.ts"
import { isAlive } from "../support/processes.ts"
import { command, launcherArgs } from "../support/realCodex.ts"

/** Writes a program that is the real Codex under another version. */
const versioned = (dir: string, version: string): string => {
  const path = `${dir}/codex-${version}`
  const real = [command, ...launcherArgs].map((word) => `'${word}'`).join(" ")
  const script = `#!/bin/sh\n[ "$1" = --version ] && echo 'codex-cli ${version}' && exit\nexec ${real} "$@"\n`
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

describe.concurrent("a host that a newer program uses", () => {
  test("runs new turns in the newer Codex, and finishes the running ones in the old one", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([reply, M.reply(M.text("new")), M.reply(M.text("after"))])
      const programs = yield* Host.directory
      const client = (version: string) =>
        Layer.fresh(Codex.layer).pipe(
          Layer.provide(EngineHost.layer({ ...host.settings, codexPath: versioned(programs, version) }))
        )
      yield* Effect.gen(function* () {
        const busy = yield* host.startThread
        const running = yield* Host.begin(busy)
        yield* Effect.gen(function* () {
          const codex = yield* Codex
          const next = yield* host.startThread
          assert.strictEqual((yield* next.run("new")).message, "new")
          const { generations } = yield* host.status
          assert.deepStrictEqual(
            generations.map(({ draining, id, runningTurns }) => [id, draining, runningTurns]),
            [
              [1, true, 1],
              [2, false, 0]
            ]
          )
          // The thread of the running turn is found in the old Codex, and its next turn waits for that turn.
          const attached = yield* codex.attach(busy.id)
          assert.strictEqual((yield* attached.snapshot).message, "begun")
          const thread = yield* codex.resumeThread(busy.id)
          const waiting = yield* Effect.forkChild(thread.run("after"), { startImmediately: true })
          assert.strictEqual((yield* attached.snapshot).message, "begun")
          assert.strictEqual((yield* host.model.requests).length, 2)
          yield* release
          assert.strictEqual((yield* Fiber.join(waiting)).message, "after")
          yield* Fiber.join(running)
        }).pipe(Effect.scoped, Effect.provide(client("999.0.0")))
      }).pipe(Effect.scoped, Effect.provide(client("0.169.0")))
      yield* until(
        "the old Codex has ended",
        Effect.map(host.status, ({ generations }) => generations.length === 1)
      )
      const { generations, restarts } = yield* host.status
      assert.deepStrictEqual([generations[0]?.id, restarts], [2, 0])
      assert.strictEqual((yield* host.model.requests).length, 3)
      // An older program does not replace a newer Codex.
      const older = yield* Effect.flip(
        EngineHost.start({ ...host.settings, codexPath: versioned(programs, "0.100.0") })
      )
      assert.strictEqual(older._tag === "EngineStartFailed" && older.reason, "HostConflict")
      assert.strictEqual((yield* host.start).generations[0]?.id, 2)
    }))

  test("gets the supervisor of the newer program, which keeps Codex, its turns and its settings", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([reply, M.reply(M.text("after"))])
      const before = yield* host.start
      yield* Effect.gen(function* () {
        const thread = yield* host.startThread
        const running = yield* Host.begin(thread)
        const state = `${host.dir}/host.json`
        const text = readFileSync(state, "utf8")
        writeFileSync(state, text.replace(/"libraryVersion":"[^"]*"/, '"libraryVersion":"0.0.1"'))
        const after = yield* EngineHost.start({ dir: host.dir })
        assert.notStrictEqual(after.pid, before.pid)
        assert.isFalse(isAlive(before.pid))
        assert.deepStrictEqual([Host.pidOf(after), after.runningTurns], [Host.pidOf(before), 1])
        yield* release
        yield* Fiber.join(running)
        process.kill(Host.pidOf(after), "SIGKILL")
        yield* until(
          "codex runs again",
          Effect.map(host.status, (status) => status.restarts === 1 && status.socket !== undefined)
        )
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      // Its Codex uses the scripted model, which only the first program named.
      const turn = yield* Effect.flatMap(host.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provide(EngineHost.layer({ dir: host.dir }))))
      )
      assert.strictEqual(turn.message, "after")
    }))

  test("keeps its Codex when a program without settings adopts it, and ends with it", () =>
    Effect.gen(function* () {
      const host = yield* Host.make([M.reply(M.text("after"))])
      const before = yield* host.start
      process.kill(before.pid, "SIGKILL")
      yield* until(
        "the supervisor has ended",
        Effect.sync(() => !isAlive(before.pid))
      )
      const after = yield* EngineHost.start({ dir: host.dir })
      assert.deepStrictEqual([Host.pidOf(after), after.generations.length], [Host.pidOf(before), 1])
      const drained = yield* Effect.flip(EngineHost.drain({ dir: host.dir }))
      assert.strictEqual(drained._tag === "EngineStartFailed" && drained.reason, "BadHost")
      process.kill(Host.pidOf(after), "SIGKILL")
      yield* until(
        "the host has ended",
        Effect.sync(() => !isAlive(after.pid))
      )
      assert.deepStrictEqual(yield* EngineHost.status(host.dir), Option.none())
      const turn = yield* Effect.flatMap(host.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(host.layer)
      )
      assert.strictEqual(turn.message, "after")
    }))
})

describe("a version", () => {
  test("is newer only if both are versions", () =>
    Effect.sync(() => {
      const rows: ReadonlyArray<readonly [string | undefined, string | undefined, boolean]> = [
        ["0.170.0", "0.169.9", true],
        ["0.170.0", "0.170.0-alpha.1", true],
        ["0.169.0", "0.169.0", false],
        ["0.9.0", "0.10.0", false],
        [undefined, "0.1.0", false],
        ["0.1.0", undefined, false],
        ["newest", "0.1.0", false]
      ]
      for (const [a, b, expected] of rows)
        assert.strictEqual(HostUpgrade.isNewer(a, b), expected, `${a} ${b}`)
    }))
})
