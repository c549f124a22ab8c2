/** Copies of conversations in the database: what is stored of a file that grows, and where it is written again. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { ThreadId } from "../../../src/domain/Ids.ts"
import * as Rollouts from "../../../src/durable/runner/Rollouts.ts"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"

const threadId = ThreadId.make("01a2019b-6eb2-7e42-b648-a4ec9c8f2434")
const relative = `sessions/2026/01/02/rollout-2026-01-02T03-04-05-${threadId}.jsonl`

/** Runs a program with a store and an empty directory. */
const withDirectory = <A, E>(program: (directory: string) => Effect.Effect<A, E, Store>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(join(Fs.realpathSync(tmpdir()), "effect-codex-rollouts-"))),
    program,
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
  ).pipe(Effect.provide(layerRunner({ path: ":memory:" })))

const write = (directory: string, text: string) => {
  const file = join(directory, relative)
  Fs.mkdirSync(dirname(file), { recursive: true })
  Fs.appendFileSync(file, text)
  return file
}

const storedText = Effect.gen(function* () {
  const { rollouts } = yield* Store
  const parts = yield* Stream.runCollect(rollouts.read(threadId))
  return Buffer.concat([...parts]).toString()
})

describe("a rollout", () => {
  it.effect("is stored line by line as it grows, also by the next runner", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const store = yield* Store
        const path = join(directory, relative)
        const first = Rollouts.follow(store, threadId, path)
        yield* first.save
        assert.strictEqual(yield* storedText, "")
        write(directory, "one\ntwo\nthr")
        yield* first.save
        assert.strictEqual(yield* storedText, "one\ntwo\n")
        write(directory, "ee\n")
        yield* Effect.all([first.save, first.save, first.save], { concurrency: 3 })
        assert.strictEqual(yield* storedText, "one\ntwo\nthree\n")
        write(directory, "four\n")
        yield* Rollouts.follow(store, threadId, path).save
        yield* first.save
        assert.strictEqual(yield* storedText, "one\ntwo\nthree\nfour\n")
      })
    )
  )

  it.effect("is stored whole when a line is longer than a row", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const text = `${"x".repeat(700_000)}\n${"é".repeat(200_000)}\nend\n`
        const path = write(directory, text)
        yield* Rollouts.follow(yield* Store, threadId, path).save
        assert.isTrue((yield* storedText) === text)
      })
    )
  )

  it.effect("is stored further after a call was interrupted while it waited for another", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const store = yield* Store
        const path = write(directory, "one\n")
        const entered = yield* Deferred.make<void>()
        const released = yield* Deferred.make<void>()
        const rollouts: typeof store.rollouts = {
          ...store.rollouts,
          append: (...row) =>
            Deferred.succeed(entered, undefined).pipe(
              Effect.andThen(Deferred.await(released)),
              Effect.andThen(store.rollouts.append(...row))
            )
        }
        const { save } = Rollouts.follow({ rollouts }, threadId, path)
        const first = yield* Effect.forkChild(save, { startImmediately: true })
        yield* Deferred.await(entered)
        const second = yield* Effect.forkChild(save, { startImmediately: true })
        yield* Fiber.interrupt(second)
        yield* Deferred.succeed(released, undefined)
        yield* Fiber.join(first)
        write(directory, "two\n")
        yield* save
        assert.strictEqual(yield* storedText, "one\ntwo\n")
      })
    )
  )

  it.effect("that is a link is not read, and the turn does not fail", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const store = yield* Store
        Fs.writeFileSync(join(directory, "secret"), "secret\n")
        const path = join(directory, relative)
        Fs.mkdirSync(dirname(path), { recursive: true })
        Fs.symlinkSync(join(directory, "secret"), path)
        yield* Rollouts.follow(store, threadId, path).save
        assert.strictEqual(yield* storedText, "")
      })
    )
  )

  it.effect(
    "is written below another home, readable only by this user, and a file that goes further is kept",
    () =>
      withDirectory((directory) =>
        Effect.gen(function* () {
          const store = yield* Store
          const home = join(directory, "other")
          Fs.mkdirSync(home)
          assert.isFalse(yield* Rollouts.restore(store, threadId, relative, home))
          yield* store.rollouts.append(threadId, 0, Buffer.from("one\n"))
          yield* store.rollouts.append(threadId, 4, Buffer.from("two\n"))
          assert.isTrue(yield* Rollouts.restore(store, threadId, `/home/a/.codex/${relative}`, home))
          const file = join(home, relative)
          assert.strictEqual(Fs.readFileSync(file, "utf8"), "one\ntwo\n")
          assert.strictEqual(Fs.statSync(file).mode & 0o777, 0o600)
          assert.deepStrictEqual(Fs.readdirSync(dirname(file)), [relative.split("/").at(-1)])
          Fs.writeFileSync(file, "one\ntwo\nthree\n")
          assert.isTrue(yield* Rollouts.restore(store, threadId, relative, home))
          assert.strictEqual(Fs.readFileSync(file, "utf8"), "one\ntwo\nthree\n")
        })
      )
  )

  it.effect("replaces a file that is older, or that went on differently", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.rollouts.append(threadId, 0, Buffer.from("one\n"))
        yield* store.rollouts.append(threadId, 4, Buffer.from("two\n"))
        for (const older of ["", "one\n", "one\ntw", "one\nTWO\nthree\n"]) {
          Fs.rmSync(join(directory, "sessions"), { recursive: true, force: true })
          const file = write(directory, older)
          assert.isTrue(yield* Rollouts.restore(store, threadId, relative, directory))
          assert.strictEqual(Fs.readFileSync(file, "utf8"), "one\ntwo\n", JSON.stringify(older))
        }
      })
    )
  )

  it.effect("is written only to its own place, and through no link", () =>
    withDirectory((directory) =>
      Effect.gen(function* () {
        const store = yield* Store
        yield* store.rollouts.append(threadId, 0, Buffer.from("one\n"))
        const home = join(directory, "home")
        Fs.mkdirSync(home)
        for (const path of [
          `sessions/2026/01/02/rollout-x-01a2019b-0000-7e42-b648-a4ec9c8f2434.jsonl`,
          `sessions/2026/01/02/../../../../../escape-${threadId}.jsonl`,
          `config.toml`
        ]) {
          const error = yield* Effect.flip(Rollouts.restore(store, threadId, path, home))
          assert.deepInclude(error, { _tag: "StorageUnavailable", reason: "Unsafe" }, path)
        }
        Fs.symlinkSync(directory, join(home, "sessions"))
        const error = yield* Effect.flip(Rollouts.restore(store, threadId, relative, home))
        assert.deepInclude(error, { _tag: "StorageUnavailable", reason: "IoError" })
        assert.deepStrictEqual(Fs.readdirSync(directory).toSorted(), ["home"])
      })
    )
  )
})
