/** Threads on the app-server: shared handles, and the options that Codex keeps. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Approval from "../../src/Approval.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import { Codex } from "../../src/Codex.ts"
import * as Fake from "../support/fakeCodex.ts"
import { test } from "../support/live.ts"

describe.concurrent("a thread with two handles", () => {
  test("stops waiting for the other handle's turn when its own scope closes, and starts nothing", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* Fake.startThread
        const scope = yield* Scope.make()
        const two = yield* Scope.provide(codex.resumeThread(one.id), scope)
        yield* Effect.forkScoped(one.run("1"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        const waiting = yield* Effect.forkScoped(Effect.flip(two.run("2")), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        const error = yield* Fiber.join(waiting)
        assert.deepInclude(error, { _tag: "TurnInterrupted", by: "caller" })
        assert.lengthOf(yield* fake.of("turn/start"), 1)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))

  test("continues in a new process when the other handle's turn dies with the old one", () =>
    Effect.gen(function* () {
      // Every process of the fake says the same: the second turn would die as well, and is left early.
      const dies = [...Fake.begin, { received: "wake" }, { exit: 1 }]
      const fake = yield* Fake.make({ on: { "turn/start": [dies] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const one = yield* Fake.startThread
        const two = yield* codex.resumeThread(one.id)
        const dying = yield* Effect.forkScoped(Effect.flip(one.run("1")), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        const waiting = yield* Effect.forkScoped(Effect.exit(two.run("2")), { startImmediately: true })
        yield* Effect.forkScoped(Effect.ignore(codex.request("wake")), { startImmediately: true })
        assert.strictEqual((yield* Fiber.join(dying))._tag, "EngineExited")
        yield* fake.waitFor("turn/start", 2)
        assert.lengthOf(yield* fake.pids, 2)
        assert.isUndefined(waiting.pollUnsafe())
        yield* Fiber.interrupt(waiting)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a thread whose last handle closes during a turn", () => {
  test("is not unsubscribed when it is resumed before that turn ends", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [Fake.begin, Fake.turn("again")],
          "turn/interrupt": [[{ reply: {} }, { received: "thread/resume" }, Fake.ended("interrupted")]]
        }
      })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const scope = yield* Scope.make()
        const { id, run } = yield* Scope.provide(Fake.startThread, scope)
        yield* Effect.forkScoped(Effect.exit(run("1")), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        const leaving = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* fake.waitFor("turn/interrupt")
        const thread = yield* codex.resumeThread(id)
        yield* Fiber.join(leaving)
        assert.strictEqual((yield* thread.run("2")).message, "again")
        assert.lengthOf(yield* fake.of("thread/unsubscribe"), 0)
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("an option of a turn that Codex keeps for later turns", () => {
  test("is sent again to a new process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[...Fake.begin, { exit: 1 }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({
          sandbox: "danger-full-access",
          model: "big",
          config: { web_search: "disabled" }
        })
        const set = { cwd: fake.folder, sandbox: "read-only", model: "small", effort: "low" } as const
        yield* Effect.flip(thread.run("one", set))
        yield* Effect.flip(thread.run("two"))
        const [resumed] = yield* fake.of("thread/resume")
        assert.deepInclude(resumed?.params, {
          cwd: fake.folder,
          sandbox: "read-only",
          model: "small",
          config: { web_search: "disabled", model_reasoning_effort: "low", "features.goals": false }
        })
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a turn in another directory", () => {
  test("requests approval of edits with its directory, and so does the next turn", () =>
    Effect.gen(function* () {
      const edit = (id: string): ReadonlyArray<Fake.Step> => [
        Fake.ofTurn("item/started", {
          item: {
            type: "fileChange",
            id,
            status: "inProgress",
            changes: [{ path: "a.txt", kind: { type: "add" }, diff: "a" }]
          }
        }),
        Fake.ask(`q-${id}`, "item/fileChange/requestApproval", {
          threadId: "$thread",
          turnId: "$turn",
          itemId: id
        }),
        { received: `q-${id}` }
      ]
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("a", ...edit("f1")), Fake.turn("b", ...edit("f2"))] }
      })
      const folders: Array<string> = []
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        yield* thread.run("go", { cwd: fake.folder })
        yield* thread.run("go")
      }).pipe(
        Effect.scoped,
        Effect.provideService(Approval.Current, (request) =>
          Effect.sync(() => {
            if (request._tag === "FileChange") folders.push(request.cwd)
            return Approval.decline("no")
          })
        ),
        Effect.provide(fake.layer())
      )
      assert.deepStrictEqual(folders, [fake.folder, fake.folder])
    }))
})

describe.concurrent("the app-server without platform services of its own", () => {
  const layer = (fake: { readonly codexPath: string }) =>
    Layer.fresh(Codex.layer).pipe(Layer.provide(AppServer.layerNoDeps({ codexPath: fake.codexPath })))

  test("starts Codex with the spawner of the caller, and with no other", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("a")] } })
      const real = yield* ChildProcessSpawner.ChildProcessSpawner
      const spawned: Array<string> = []
      const spawner = ChildProcessSpawner.make((command) => {
        if (command._tag === "StandardCommand") spawned.push(command.command)
        return real.spawn(command)
      })
      yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(layer(fake)),
        Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner)
      )
      assert.deepStrictEqual(spawned, [fake.codexPath])
      assert.lengthOf(yield* fake.pids, 1)
    }))

  test("starts Codex with the spawner of the layer, also if the program that opens a thread has another one", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("a")] } })
      const real = yield* ChildProcessSpawner.ChildProcessSpawner
      let spawned = 0
      const spawner = ChildProcessSpawner.make((command) => {
        spawned++
        return real.spawn(command)
      })
      yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provide(layer(fake), Layer.succeed(ChildProcessSpawner.ChildProcessSpawner, spawner))
        )
      )
      assert.strictEqual(spawned, 1)
    }))

  test("fails to start when the spawner of the caller fails", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const denied = PlatformError.systemError({
        _tag: "PermissionDenied",
        module: "ChildProcess",
        method: "spawn",
        description: "spawning is forbidden here"
      })
      const error = yield* Effect.flip(Fake.startThread).pipe(
        Effect.scoped,
        Effect.provide(layer(fake)),
        Effect.provideService(
          ChildProcessSpawner.ChildProcessSpawner,
          ChildProcessSpawner.make(() => Effect.fail(denied))
        )
      )
      assert.deepInclude(error, { _tag: "EngineStartFailed", reason: "NotExecutable" })
      assert.include(error.message, "spawning is forbidden here")
      assert.isEmpty(yield* fake.pids)
    }))

  test("reads the files of Codex with the file system of the caller", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const fs = yield* FileSystem.FileSystem
      const read: Array<string> = []
      const watched = FileSystem.FileSystem.of({
        ...fs,
        readFileString: (path, encoding) => {
          read.push(path)
          return fs.readFileString(path, encoding)
        }
      })
      yield* Fake.startThread.pipe(
        Effect.scoped,
        Effect.provide(layer(fake)),
        Effect.provideService(FileSystem.FileSystem, watched)
      )
      assert.isTrue(read.some((path) => path.endsWith("config.toml")))
    }))
})
