import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { Codex } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { bundle } from "../support/bundle.ts"
import * as Host from "../support/engineHost.ts"
import { test, until } from "../support/live.ts"
import { hasEnded, isAlive } from "../support/processes.ts"

describe.concurrent("an engine host", () => {
  test("goes on with the turn of a program that is killed, and shows it to the next one", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([reply])
      yield* host.start
      const program = bundle(new URL("../host/child.ts", import.meta.url))
      const child = spawn(process.execPath, [program, host.dir, host.workspace, JSON.stringify(host.env)], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
      const id = yield* Effect.promise(
        async () => String((await once(child.stdout, "data"))[0]).split("\n")[0]
      )
      const exited = once(child, "exit")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      assert.strictEqual((yield* host.status).runningTurns, 1)
      const turn = yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.resumeThread(ThreadId.make(id ?? ""))
        yield* release
        return yield* thread.activity.pipe(
          Stream.filter((event) => event._tag === "TurnEnded"),
          Stream.runHead
        )
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      assert.strictEqual(Option.getOrThrow(turn).turn.message, "finished")
      assert.strictEqual((yield* host.model.requests).length, 1)
    }))

  test("starts Codex again after it has ended, later each time, and ends what it has left", () =>
    Effect.gen(function* () {
      const host = yield* Host.make([M.reply(M.text("after"))])
      let pid = Host.pidOf(yield* host.start)
      for (const restarts of [1, 2]) {
        process.kill(pid, "SIGKILL")
        yield* until(
          "codex runs again",
          Effect.map(host.status, (status) => status.restarts === restarts && status.socket !== undefined)
        )
        const next = Host.pidOf(yield* host.start)
        assert.notStrictEqual(next, pid)
        pid = next
      }
      const delays = Array.from(
        (yield* host.log).matchAll(/starts again in (\d+) ms/g),
        ([, millis]) => millis
      )
      assert.deepStrictEqual(delays, ["250", "500"])
      const turn = yield* Effect.flatMap(host.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(host.layer)
      )
      assert.strictEqual(turn.message, "after")
      assert.strictEqual((yield* host.status).generations.length, 1)
    }))

  test("goes on when its supervisor is killed, and the next program adopts it", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([reply])
      const before = yield* host.start
      const message = yield* Effect.gen(function* () {
        const thread = yield* host.startThread
        const begun = yield* Deferred.make<void>()
        const events = yield* Effect.forkChild(
          Stream.runForEach(thread.stream("go"), (event) =>
            event._tag === "MessageDelta" ? Deferred.succeed(begun, undefined) : Effect.void
          ).pipe(Effect.andThen(Effect.void))
        )
        yield* Deferred.await(begun)
        process.kill(before.pid, "SIGKILL")
        yield* until(
          "the supervisor has ended",
          Effect.sync(() => !isAlive(before.pid))
        )
        assert.deepStrictEqual(yield* EngineHost.status(host.dir), Option.none())
        const after = yield* host.start
        assert.notStrictEqual(after.pid, before.pid)
        assert.strictEqual(Host.pidOf(after), Host.pidOf(before))
        assert.strictEqual(after.runningTurns, 1)
        yield* release
        yield* Fiber.join(events)
        return after.generations.length
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      assert.strictEqual(message, 1)
      assert.strictEqual((yield* host.model.requests).length, 1)
      // An adopted Codex is no child of its supervisor, and is observed nevertheless.
      process.kill(Host.pidOf(before), "SIGKILL")
      yield* until(
        "codex runs again",
        Effect.map(host.status, (status) => status.restarts === 1 && status.socket !== undefined)
      )
    }))

  test("ends its turns and their commands when it is stopped, also if its state file is damaged", () =>
    Effect.gen(function* () {
      const host = yield* Host.make([M.reply(M.shell("echo $$ > command.pid; exec sleep 600"))])
      const status = yield* host.start
      const file = `${host.workspace}/command.pid`
      const command = yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ cwd: host.workspace, sandbox: "danger-full-access" })
        yield* Effect.forkScoped(Effect.ignore(thread.run("go")))
        yield* until(
          "the command runs",
          Effect.sync(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"))
        )
        const command = Number(readFileSync(file, "utf8"))
        writeFileSync(`${host.dir}/host.json`, "damaged")
        assert.isTrue(yield* EngineHost.stop(host.dir))
        return command
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      assert.deepStrictEqual([Host.pidOf(status), command].filter(isAlive), [])
      assert.isTrue(yield* hasEnded(status.pid))
      const fs = yield* FileSystem.FileSystem
      assert.sameMembers(yield* fs.readDirectory(host.dir), ["host.log", "lock"])
    }))

  test("ends when nothing has used it for a while, and leaves nothing", () =>
    Effect.gen(function* () {
      const host = yield* Host.make([M.reply(M.text("done"))], { idleTimeout: "300 millis" })
      const pids = yield* Effect.gen(function* () {
        yield* Effect.flatMap(host.startThread, (thread) => thread.run("go"))
        const status = yield* host.status
        assert.strictEqual(status.clients, 1)
        return [status.pid, Host.pidOf(status)]
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      yield* until(
        "the host has ended",
        Effect.sync(() => !pids.some(isAlive))
      )
      const fs = yield* FileSystem.FileSystem
      assert.sameMembers(yield* fs.readDirectory(host.dir), ["host.log", "lock"])
    }))

  test("lets the running turns of a drained Codex end, and runs new ones in the next Codex", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([
        M.reply(M.text("first")),
        reply,
        M.reply(M.text("new")),
        M.reply(M.text("moved"))
      ])
      yield* host.start
      yield* Effect.gen(function* () {
        const idle = yield* host.startThread
        yield* idle.run("first")
        const busy = yield* host.startThread
        const running = yield* Host.begin(busy)
        const drained = yield* EngineHost.drain({ dir: host.dir })
        assert.deepStrictEqual(
          drained.generations.map(({ draining }) => draining),
          [true, false]
        )
        // A program that comes later finds the running turn where it runs.
        const seen = yield* Effect.gen(function* () {
          const codex = yield* Codex
          const thread = yield* codex.resumeThread(busy.id)
          const ended = yield* thread.activity.pipe(
            Stream.filter((event) => event._tag === "TurnEnded"),
            Stream.runHead,
            Effect.forkChild
          )
          const next = yield* codex.startThread({ cwd: host.workspace, sandbox: "read-only" })
          assert.strictEqual((yield* next.run("new")).message, "new")
          assert.strictEqual((yield* host.status).runningTurns, 1)
          // A thread that was open before the drain moves to the next Codex for its next turn.
          assert.strictEqual((yield* idle.run("move")).message, "moved")
          yield* release
          return yield* Fiber.join(ended)
        }).pipe(Effect.scoped, Effect.provide(host.layer))
        assert.strictEqual(Option.getOrThrow(seen).turn.message, "finished")
        yield* Fiber.join(running)
      }).pipe(Effect.scoped, Effect.provide(host.layer))
      yield* until(
        "the old Codex has ended",
        Effect.map(host.status, ({ generations }) => generations.length === 1)
      )
      const { generations, restarts } = yield* host.status
      assert.deepStrictEqual([generations[0]?.id, restarts], [2, 0])
    }))
})

describe("effect-codex host serve", () => {
  test("runs the host in the foreground, ends its running turns at SIGTERM, and leaves nothing", () =>
    Effect.gen(function* () {
      const { release, reply } = yield* Host.held
      const host = yield* Host.make([reply])
      const main = bundle(new URL("../../src/cli/main.ts", import.meta.url))
      const child = spawn(
        process.execPath,
        [main, "host", "serve", "--dir", host.dir, "--drain-deadline", "10m", "--json"],
        {
          env: { PATH: process.env["PATH"], SSL_CERT_FILE: process.env["SSL_CERT_FILE"], ...host.env },
          stdio: ["ignore", "pipe", "inherit"]
        }
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
      const exited = once(child, "exit")
      yield* Effect.promise(() => once(child.stdout, "data"))
      const started = yield* host.status
      assert.strictEqual(started.pid, child.pid)
      const message = yield* Effect.gen(function* () {
        const thread = yield* host.startThread
        const begun = yield* Deferred.make<void>()
        const ended = yield* thread.activity.pipe(
          Stream.filter((event) => event._tag === "TurnEnded"),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true })
        )
        yield* Effect.forkChild(
          Stream.runForEach(thread.stream("go"), (event) =>
            event._tag === "MessageDelta" ? Deferred.succeed(begun, undefined) : Effect.void
          )
        )
        yield* Deferred.await(begun)
        child.kill("SIGTERM")
        yield* until(
          "the host drains",
          Effect.map(host.status, ({ generations }) => generations.every(({ draining }) => draining))
        )
        assert.strictEqual((yield* host.status).runningTurns, 1)
        yield* release
        return Option.getOrThrow(yield* Fiber.join(ended)).turn.message
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provide(EngineHost.layer({ dir: host.dir }))))
      )
      assert.strictEqual(message, "finished")
      assert.deepStrictEqual(yield* Effect.promise(() => exited), [130, null])
      assert.isFalse(isAlive(Host.pidOf(started)))
      const fs = yield* FileSystem.FileSystem
      assert.sameMembers(yield* fs.readDirectory(host.dir), ["host.log", "lock"])
    }))
})
