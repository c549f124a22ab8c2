import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import { Attachments, holding } from "../../src/attachment/Attachments.ts"
import { test as live } from "../support/live.ts"
import * as F from "./fixture.ts"

/** Runs on the test clock with real files. */
const test = (
  name: string,
  body: () => Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>
) => it.effect(name, () => Effect.provide(body(), NodeServices.layer))

const bytes = (text: string) => Buffer.from(text)

/** Moves the clock, and waits until a file is gone: to remove it is real work. */
const goneAfter = Effect.fnUntraced(function* (time: Duration.Input, path: string) {
  yield* TestClock.adjust(time)
  while (Fs.existsSync(path)) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
})

describe("a staged file", () => {
  test("is deleted with its directory when its scope closes", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const path = yield* Effect.scoped(
        Effect.gen(function* () {
          const { path } = yield* attachments.stageBytes(bytes("x"), { name: "x.txt" })
          assert.strictEqual(F.text(path), "x")
          return path
        })
      )
      assert.isFalse(Fs.existsSync(dirname(path)))
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("is stored once under any number of names, until the last one is released", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const first = yield* Scope.make()
      const second = yield* Scope.make()
      const third = yield* Scope.make()
      const a = yield* Scope.provide(attachments.stageBytes(bytes("same"), { name: "a.txt" }), first)
      const again = yield* Scope.provide(attachments.stageBytes(bytes("same"), { name: "a.txt" }), second)
      const b = yield* Scope.provide(attachments.stageBytes(bytes("same"), { name: "b.md" }), third)
      assert.deepStrictEqual(again, a)
      assert.strictEqual(a.sha256, b.sha256)
      assert.deepInclude(b, { name: "b.md", mediaType: "text/markdown" })
      assert.notStrictEqual(a.path, b.path)
      assert.strictEqual(Fs.statSync(a.path).ino, Fs.statSync(b.path).ino)
      assert.strictEqual(F.staged(base).length, 2)
      yield* Scope.close(first, Exit.void)
      assert.isTrue(Fs.existsSync(a.path))
      yield* Scope.close(second, Exit.void)
      assert.isFalse(Fs.existsSync(a.path))
      assert.strictEqual(F.text(b.path), "same")
      yield* Scope.close(third, Exit.void)
      assert.isFalse(Fs.existsSync(dirname(b.path)))
    }))

  test("is staged once by concurrent calls", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const all = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => n),
        (n) => attachments.stageBytes(bytes("same"), { name: `${n % 5}.txt` }),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ path }) => path)).size, 5)
      assert.strictEqual(new Set(all.map(({ path }) => Fs.statSync(path).ino)).size, 1)
      assert.strictEqual(F.staged(base).length, 5)
    }))

  test("with a time to live outlives its scope by that time", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const { path } = yield* Effect.scoped(
        attachments.stageBytes(bytes("x"), { name: "x", ttl: "10 minutes" })
      )
      yield* TestClock.adjust("599 seconds")
      assert.isTrue(Fs.existsSync(path))
      yield* goneAfter("1 minutes", path)
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("stays while its scope is open, even after its time to live", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base, { ttl: "1 minute" })
      const scope = yield* Scope.make()
      const { path } = yield* Scope.provide(attachments.stageBytes(bytes("x"), { name: "x" }), scope)
      yield* TestClock.adjust("1 hour")
      assert.isTrue(Fs.existsSync(path))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(Fs.existsSync(path))
    }))

  test("keeps the longest time to live it was given", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const stage = (ttl?: Duration.Input) =>
        Effect.scoped(attachments.stageBytes(bytes("x"), { name: "x", ttl }))
      const attachment = yield* stage("10 minutes")
      const { path } = attachment
      yield* stage("1 minutes")
      yield* stage()
      yield* TestClock.adjust("9 minutes")
      // Whoever lets go of it last looks at its time.
      yield* Effect.scoped(attachments.hold(attachment))
      assert.isTrue(Fs.existsSync(path))
      yield* stage("10 minutes")
      yield* TestClock.adjust("9 minutes")
      assert.isTrue(Fs.existsSync(path))
      yield* goneAfter("1 minutes", path)
    }))

  test("is deleted by an explicit cleanup unless it is in use", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const held = yield* attachments.stageBytes(bytes("held"), { name: "held", ttl: "1 hour" })
      const [one, two] = yield* Effect.scoped(
        Effect.all([
          attachments.stageBytes(bytes("one"), { name: "one", ttl: "1 hour" }),
          attachments.stageBytes(bytes("three"), { name: "two", ttl: "1 hour" })
        ])
      )
      const cleaned = yield* attachments.cleanup
      assert.deepInclude(cleaned, { files: 2, bytes: 8, failed: [] })
      assert.strictEqual(typeof cleaned.durationMs, "number")
      assert.isFalse(Fs.existsSync(one.path) || Fs.existsSync(two.path))
      assert.isTrue(Fs.existsSync(held.path))
      assert.deepInclude(yield* attachments.cleanup, { files: 0, bytes: 0, failed: [] })
    }))

  test("is never deleted while a turn uses it, by time or by cleanup", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const attachment = yield* Effect.scoped(
        attachments.stageBytes(bytes("x"), { name: "x", ttl: "1 minute" })
      )
      const started = yield* Deferred.make<void>()
      const end = yield* Deferred.make<void>()
      const turn = yield* Deferred.succeed(started, undefined).pipe(
        Effect.andThen(Deferred.await(end)),
        Effect.andThen(Effect.sync(() => F.text(attachment.path))),
        holding([
          { _tag: "Text", text: "look" },
          { _tag: "Attachment", attachment }
        ]),
        Effect.provideService(Attachments, attachments),
        Effect.forkChild
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* attachments.cleanup, { files: 0 })
      yield* Deferred.succeed(end, undefined)
      assert.strictEqual(yield* Fiber.join(turn), "x")
      assert.isFalse(Fs.existsSync(attachment.path))
    }))

  test("that is missing is rejected before the turn starts", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const attachment = yield* Effect.scoped(attachments.stageBytes(bytes("x"), { name: "x" }))
      const turn = Effect.sync(() => assert.fail("started")).pipe(
        holding([{ _tag: "Attachment", attachment }]),
        Effect.provideService(Attachments, attachments)
      )
      yield* F.refused(turn, "NotFound")
    }))

  test("is deleted with its directories when the layer closes", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* Effect.scoped(
        Effect.gen(function* () {
          const attachments = yield* F.store(base)
          yield* attachments.stageBytes(bytes("x"), { name: "x", ttl: "10 days" })
          yield* attachments.stageBytes(bytes("y"), { name: "y" })
          return attachments
        })
      )
      assert.deepStrictEqual(Fs.readdirSync(join(base, "staged")), [])
      yield* F.refused(attachments.stageBytes(bytes("late"), { name: "late" }), "StorageFailed")
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("is not left half-written by an interrupted call", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const begun = yield* Deferred.make<void>()
      const stuck = Stream.make(bytes("half")).pipe(
        Stream.concat(Stream.fromEffect(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)))
      )
      const fiber = yield* Effect.forkChild(attachments.stageStream(stuck, { name: "x" }))
      yield* Deferred.await(begun)
      assert.strictEqual(F.staged(base).length, 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(F.staged(base), [])
      const failing = Stream.make(bytes("half")).pipe(Stream.concat(Stream.fail("the source broke")))
      assert.strictEqual(
        yield* Effect.flip(attachments.stageStream(failing, { name: "x" })),
        "the source broke"
      )
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("that cannot be deleted is logged, is not counted, and is tried again", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      let stubborn = true
      yield* Effect.gen(function* () {
        const attachments = yield* F.store(base)
        const [bad] = yield* Effect.scoped(
          Effect.all([
            attachments.stageBytes(bytes("bad"), { name: "bad", ttl: "1 hour" }),
            attachments.stageBytes(bytes("good"), { name: "good", ttl: "1 hour" })
          ])
        )
        const first = yield* attachments.cleanup
        assert.deepInclude(first, { files: 1, bytes: 4 })
        assert.deepStrictEqual(
          first.failed.map(({ path }) => path),
          [bad.path]
        )
        assert.include(first.failed[0]?.detail, "EIO")
        assert.isTrue(Fs.existsSync(bad.path))
        stubborn = false
        assert.deepInclude(yield* attachments.cleanup, { files: 1, bytes: 3, failed: [] })
        assert.isFalse(Fs.existsSync(bad.path))
      }).pipe(
        F.replacing((fs) => ({
          remove: (path, options) =>
            stubborn && path.endsWith("/bad")
              ? Effect.fail(F.broken("remove", "EIO: i/o error"))
              : fs.remove(path, options)
        }))
      )
    }))

  live("is read in pieces: what a large file needs in memory does not grow with it", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base, { maxBytes: 2 ** 30 })
      let largest = 0
      const piece = Buffer.alloc(1 << 20)
      const stream = Stream.range(1, 100).pipe(
        Stream.map(() => {
          largest = Math.max(largest, process.memoryUsage().arrayBuffers)
          return piece
        })
      )
      const before = process.memoryUsage().arrayBuffers
      const { size } = yield* attachments.stageStream(stream, { name: "large" })
      assert.strictEqual(size, 100 << 20)
      assert.isBelow(largest - before, 20 << 20)
    })
  )
})

describe("a store without platform services of its own", () => {
  test("writes with the file system of the caller, and reads sources with Node", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const source = join(base, "source.txt")
      Fs.writeFileSync(source, "content")
      const opened: Array<string> = []
      yield* Effect.gen(function* () {
        const attachments = yield* F.store(base)
        const { path } = yield* attachments.stage(source)
        assert.strictEqual(F.text(path), "content")
      }).pipe(
        F.replacing((fs) => ({
          open: (path, options) => {
            opened.push(path)
            return fs.open(path, options)
          }
        }))
      )
      assert.isNotEmpty(opened)
      assert.notInclude(opened, source)
    }))

  test("fails when the file system of the caller cannot write", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      yield* Effect.gen(function* () {
        const attachments = yield* F.store(base)
        yield* F.refused(attachments.stageBytes(bytes("x"), { name: "x.txt" }), "StorageFailed")
      }).pipe(F.replacing(() => ({ open: () => Effect.fail(F.broken("open", "EROFS: read-only")) })))
      assert.deepStrictEqual(F.staged(base), [])
    }))
})
