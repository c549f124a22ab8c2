import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Fs from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as StagingDirectory from "../../src/attachment/StagingDirectory.ts"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"
import { test } from "../support/live.ts"
import * as F from "./fixture.ts"

const script = fileURLToPath(new URL("./stager.ts", import.meta.url))

/** A process that has staged a file below `${base}/staged`. */
const stager = Effect.fnUntraced(function* (base: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const input = yield* Queue.unbounded<Uint8Array, never>()
  const handle = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [script, join(base, "staged")], {
      stdin: Stream.fromQueue(input),
      stderr: "inherit"
    })
  )
  const said = yield* Deferred.make<string>()
  yield* handle.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Deferred.succeed(said, line)),
    Effect.forkScoped
  )
  const path = yield* Deferred.await(said)
  const ended = Effect.exit(handle.exitCode)
  return {
    path,
    pid: Number(handle.pid),
    kill: Effect.sync(() => process.kill(handle.pid, "SIGKILL")).pipe(Effect.andThen(ended)),
    terminate: Effect.sync(() => process.kill(handle.pid, "SIGTERM")).pipe(Effect.andThen(ended))
  }
})

describe("processes with the same staging directory", () => {
  test("never delete files of a live process, and delete those of a killed one", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const [one, two] = yield* Effect.all([stager(base), stager(base)], { concurrency: 2 })
      assert.notStrictEqual(dirname(dirname(one.path)), dirname(dirname(two.path)))
      // A start and an end beside them.
      yield* Effect.scoped(F.store(base))
      assert.strictEqual(F.text(one.path), "staged")
      assert.strictEqual(F.text(two.path), "staged")

      yield* one.kill
      assert.strictEqual(F.text(one.path), "staged")
      const three = yield* stager(base)
      assert.isFalse(Fs.existsSync(dirname(dirname(one.path))))
      assert.strictEqual(F.text(two.path), "staged")
      assert.strictEqual(F.text(three.path), "staged")

      yield* two.terminate
      assert.isFalse(Fs.existsSync(dirname(dirname(two.path))))
      assert.deepStrictEqual(Fs.readdirSync(join(base, "staged")), [basename(dirname(dirname(three.path)))])
    }))

  test("delete nothing when the module is imported", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const dead = yield* stager(base)
      yield* dead.kill
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      // The place where a layer without options would look.
      const folder = join(base, "effect-codex")
      Fs.mkdirSync(folder, { mode: 0o700 })
      Fs.renameSync(join(base, "staged"), join(folder, "attachments"))
      const before = F.files(base)
      assert.strictEqual(before.length, 1)
      const handle = yield* spawner.spawn(
        ChildProcess.make(process.execPath, [script], { env: { XDG_STATE_HOME: base }, extendEnv: true })
      )
      assert.strictEqual(yield* handle.exitCode, 0)
      assert.deepStrictEqual(F.files(base), before)
    }))

  test("in one process delete only their own files", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(F.store(base), scope)
      const two = yield* F.store(base)
      const kept = yield* two.stageBytes(Buffer.from("same"), { name: "x" })
      const gone = yield* Scope.provide(one.stageBytes(Buffer.from("same"), { name: "x" }), scope)
      yield* one.cleanup
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(Fs.existsSync(gone.path))
      assert.strictEqual(F.text(kept.path), "same")
    }))

  test("keep unknown files and directories with an unknown owner", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const me = yield* ProcessIdentity.self
      const staged = join(base, "staged")
      Fs.mkdirSync(staged, { mode: 0o700 })
      const make = (name: string) => {
        Fs.mkdirSync(join(staged, name, "sha"), { recursive: true })
        Fs.writeFileSync(join(staged, name, "sha", "file"), "x")
        return name
      }
      const kept = [
        make(ProcessIdentity.directoryName({ ...me, namespace: "00000000" })),
        make(ProcessIdentity.directoryName({ ...me, boot: "00000000", host: "00000000" })),
        make(ProcessIdentity.directoryName(me)),
        make("1-2-3"),
        make("mine"),
        make("damaged")
      ]
      Fs.symlinkSync(base, join(staged, ProcessIdentity.directoryName({ ...me, started: "1" })))
      make(ProcessIdentity.directoryName({ ...me, started: "1" }))
      make(ProcessIdentity.directoryName({ ...me, pid: 2 ** 22 + 1 }))
      make(ProcessIdentity.directoryName({ ...me, boot: "00000000" }))
      yield* Effect.scoped(F.store(base))
      const left = Fs.readdirSync(staged).filter((name) => !Fs.lstatSync(join(staged, name)).isSymbolicLink())
      assert.deepStrictEqual(left.toSorted(), kept.toSorted())
    }))
})

describe("the list of staging directories", () => {
  test("names only directories with an owner and damaged files: no other name, file or link", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const me = yield* ProcessIdentity.self
      const own = ProcessIdentity.directoryName(me)
      for (const name of [own, "damaged", "mine", "1-2-3"]) Fs.mkdirSync(join(base, name))
      Fs.symlinkSync(join(base, "mine"), join(base, ProcessIdentity.directoryName({ ...me, started: "1" })))
      Fs.writeFileSync(join(base, ProcessIdentity.directoryName({ ...me, started: "2" })), "x")
      const listed = yield* StagingDirectory.list(yield* FileSystem.FileSystem, base, me)
      assert.deepStrictEqual(
        listed.map(({ path, state }) => [path, state]),
        [
          [join(base, own), "live"],
          [join(base, "damaged"), "damaged"]
        ]
      )
    }))
})

describe("H05 the directory of an ended process", () => {
  test("H05 with a link in it is removed with the link, and nothing behind it", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const me = yield* ProcessIdentity.self
      const gone = join(base, "staged", ProcessIdentity.directoryName({ ...me, started: "1" }))
      Fs.mkdirSync(gone, { recursive: true, mode: 0o700 })
      Fs.mkdirSync(join(base, "outside", "deep"), { recursive: true })
      for (const name of ["a", "deep/b"]) Fs.writeFileSync(join(base, "outside", name), "theirs")
      Fs.symlinkSync(join(base, "outside"), join(gone, "sha"))
      yield* Effect.scoped(F.store(base))
      assert.isFalse(Fs.existsSync(gone))
      for (const name of ["a", "deep/b"]) assert.strictEqual(F.text(join(base, "outside", name)), "theirs")
    }))
})

const Name = Schema.Array(Schema.Literals(["0", "9", "12", "-", "a", "f".repeat(8), "..", "/", "\n"]))

describe("the owner of a directory", () => {
  it.live("is identified by the directory's name alone", () =>
    Effect.gen(function* () {
      const me = yield* ProcessIdentity.self
      assert.deepStrictEqual(ProcessIdentity.parse(ProcessIdentity.directoryName(me)), me)
      assert.notStrictEqual(ProcessIdentity.directoryName(me), ProcessIdentity.directoryName(me))
      assert.strictEqual(yield* ProcessIdentity.state(me, me), "live")
      assert.strictEqual(me.pid, process.pid)
    })
  )

  it.prop("is undefined if the library did not create the name", [Name], ([parts]) => {
    const name = parts.join("")
    const owner = ProcessIdentity.parse(name)
    if (owner !== undefined) assert.strictEqual(name.split("-").length, 6)
    assert.notStrictEqual(owner?.pid, 0)
  })

  it.live("is dead when its process is gone, even if another process has its pid, and otherwise alive", () =>
    Effect.gen(function* () {
      const me = yield* ProcessIdentity.self
      const of = (change: Partial<ProcessIdentity.Owner>) => ProcessIdentity.state({ ...me, ...change }, me)
      assert.strictEqual(yield* of({ started: String(BigInt(me.started) + 1n) }), "gone")
      assert.strictEqual(yield* of({ pid: 2 ** 22 + 1 }), "gone")
      assert.strictEqual(yield* of({ boot: "00000000" }), "gone")
      assert.strictEqual(yield* of({ boot: "00000000", host: "00000000" }), "elsewhere")
      assert.strictEqual(yield* of({ namespace: "00000000" }), "elsewhere")
      // Without a start time, the pid alone identifies the process.
      assert.strictEqual(yield* of({ started: "0" }), "live")
      assert.strictEqual(yield* of({ started: "0", pid: 2 ** 22 + 1 }), "gone")
    })
  )
})
