/** The file of a SQLite store: its lock, its permissions, and what happens when it cannot be used. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { KeyReused, StorageUnavailable } from "../../../src/domain/StorageErrors.ts"
import { Durable } from "../../../src/durable/Durable.ts"
import { layerClient, layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"
import * as HostDirectories from "../../../src/internal/HostDirectories.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync("/var/tmp/effect-codex-state-")),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
)

const submission = (key: string, input = "Hello") => ({ key, threadOptions: {}, input, options: {} })
const open = (path: string) =>
  Effect.provide(
    Store.useSync(() => "open" as const),
    layerRunner({ path })
  )

/** Opens a store until the scope closes. */
const opened = (path: string, maxPages?: number) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const context = yield* Layer.buildWithScope(layerRunner({ path, maxPages }), scope)
    return yield* Effect.provideContext(Store, context)
  })

const runner = fileURLToPath(new URL("../../support/durableRunner.ts", import.meta.url))

describe("the lock of a SQLite file", () => {
  it.live(
    "F10 refuses a second runner with the pid of the first, until the first is killed; lets clients in",
    () =>
      Effect.gen(function* () {
        const path = join(yield* temporary, "turns.db")
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [runner, path], { stdio: ["ignore", "pipe", "inherit"] })
          ),
          (child) => Effect.sync(() => void child.kill("SIGKILL"))
        )
        yield* Effect.promise(() => once(child.stdout, "data"))
        const locked = yield* Effect.flip(open(path))
        assert.deepInclude(locked, { _tag: "StateLocked", pid: child.pid ?? 0 })
        const client = Durable.use(({ submit }) => submit("Hello", { key: "a" })).pipe(
          Effect.provide(Durable.layerSqlite({ path }))
        )
        assert.strictEqual((yield* client).status, "submitted")
        const ended = once(child, "exit")
        child.kill("SIGKILL")
        yield* Effect.promise(() => ended)
        assert.strictEqual(yield* open(path), "open")
        const kept = Effect.provide(
          Store.use(({ turn }) => turn("a")),
          layerRunner({ path })
        )
        assert.strictEqual((yield* kept)?.status, "submitted")
      }).pipe(Effect.scoped)
  )

  it.live("F10 refuses a second runner in the same process, and lets it in when the first ends", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "turns.db")
      const first = yield* Scope.make()
      yield* Effect.provideService(opened(path), Scope.Scope, first)
      const locked = yield* Effect.flip(open(path))
      assert.deepInclude(locked, { _tag: "StateLocked", pid: process.pid })
      yield* Scope.close(first, Exit.void)
      assert.strictEqual(yield* open(path), "open")
    }).pipe(Effect.scoped)
  )
})

describe("the files of a SQLite store", () => {
  it.live(
    "are only for this user, in a directory that is only for this user and that no turn may write",
    () =>
      Effect.gen(function* () {
        const directory = join(yield* temporary, "state")
        const path = join(directory, "turns.db")
        const directories = HostDirectories.make()
        yield* Effect.gen(function* () {
          yield* opened(path)
          assert.strictEqual(Fs.statSync(directory).mode & 0o777, 0o700)
          for (const name of Fs.readdirSync(directory))
            assert.strictEqual(Fs.statSync(join(directory, name)).mode & 0o777, 0o600, name)
          assert.isDefined(HostDirectories.findWritable(directories.list(), [directory]))
        }).pipe(Effect.scoped, Effect.provideService(HostDirectories.Current, directories))
        assert.deepStrictEqual(directories.list(), [])
      }).pipe(Effect.scoped)
  )

  it.live("are refused where others could reach them", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const refusal = (path: string) =>
        Effect.map(Effect.flip(Effect.scoped(Layer.build(layerClient({ path })))), (error) => {
          assert.strictEqual(error.reason, "Unsafe")
          return error.detail
        })
      const shared = join(directory, "shared")
      Fs.mkdirSync(shared, { mode: 0o755 })
      Fs.chmodSync(shared, 0o755)
      assert.include(yield* refusal(join(shared, "turns.db")), "chmod 700")
      const link = join(directory, "link.db")
      Fs.symlinkSync("/var/tmp/effect-codex-elsewhere.db", link)
      assert.include(yield* refusal(link), "not a regular file")
      assert.isFalse(Fs.existsSync("/var/tmp/effect-codex-elsewhere.db"))
      const log = join(directory, "turns.db-wal")
      Fs.symlinkSync("/var/tmp/effect-codex-elsewhere.db", log)
      assert.include(yield* refusal(join(directory, "turns.db")), "not a regular file")
      const folder = join(directory, "folder")
      Fs.symlinkSync(directory, folder)
      assert.include(yield* refusal(join(folder, "turns.db")), "link")
    }).pipe(Effect.scoped)
  )

  it.live("F32 fails before a side effect when the disk is full, and writes nothing half", () =>
    Effect.gen(function* () {
      const path = join(yield* temporary, "turns.db")
      const store = yield* opened(path, 60)
      const write = (index: number): Effect.Effect<never, KeyReused | StorageUnavailable> =>
        Effect.flatMap(store.submit(submission(`k${index}`, "x".repeat(20_000))), () => write(index + 1))
      const full = yield* Effect.flip(write(0))
      assert.deepInclude(full, { _tag: "StorageUnavailable", reason: "Full", retryable: true })
      const turns = yield* store.turns({})
      assert.isAbove(turns.length, 1)
      assert.lengthOf(turns, new Set(turns.map(({ threadId }) => threadId)).size)
      const threads = yield* Effect.forEach(turns, ({ threadId }) => store.thread(threadId))
      assert.isTrue(threads.every((thread) => thread !== undefined))
      // Reading still works, and small writes that fit.
      assert.strictEqual((yield* store.turn("k0"))?.input, "x".repeat(20_000))
    }).pipe(Effect.scoped)
  )

  it.live("F33 refuses a damaged file, names it and keeps one copy", () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const path = join(directory, "turns.db")
      yield* Effect.scoped(
        Effect.flatMap(opened(path), (store) =>
          Effect.forEach(
            Array.from({ length: 40 }, (_, index) => index),
            (index) => store.submit(submission(`k${index}`, "y".repeat(3000)))
          )
        )
      )
      const bytes = Fs.readFileSync(path)
      const copies = () => Fs.readdirSync(directory).filter((name) => name.includes(".damaged-"))
      const refuse = Effect.map(Effect.flip(open(path)), (error) => {
        assert.deepInclude(error, { _tag: "StorageUnavailable", reason: "Corrupt" })
        return error.message
      })
      const damages: ReadonlyArray<readonly [string, Buffer]> = [
        ["the header", Buffer.concat([Buffer.from("no database"), bytes.subarray(11)])],
        ["cut", bytes.subarray(0, bytes.length - 5000)],
        ["a page in the middle", Buffer.from(bytes).fill(0xaa, 8192, 8192 + 4096)]
      ]
      for (const [name, damaged] of damages) {
        for (const old of copies()) Fs.rmSync(join(directory, old))
        Fs.writeFileSync(path, damaged)
        const message = yield* refuse
        yield* refuse
        const [copy = "", ...more] = copies()
        assert.deepStrictEqual(more, [], name)
        assert.include(message, copy, name)
        assert.isTrue(Fs.readFileSync(join(directory, copy)).equals(damaged), name)
        assert.strictEqual(Fs.statSync(join(directory, copy)).mode & 0o777, 0o600)
      }
    }).pipe(Effect.scoped)
  )
})
