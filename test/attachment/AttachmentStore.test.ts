import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import { Attachments, holding } from "../../src/attachment/Attachments.ts"
import { Worker } from "node:worker_threads"
import { test } from "../support/live.ts"
import * as F from "./fixture.ts"

const bytes = (text: string) => Buffer.from(text)

/** A file system of 1 MB, if the user may mount one. */
const small = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      Fs.mkdirSync(path, { mode: 0o700 })
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", path], { stdio: "ignore" })
        return true
      } catch {
        return false
      }
    }),
    (mounted) => Effect.sync(() => mounted && execFileSync("umount", [path], { stdio: "ignore" }))
  )

/** Fails a method of the file system from its `after`th call on, with the text of an errno. */
const failing = (
  method: "writeAll" | "rename" | "makeDirectory" | "chmod" | "open",
  text: string,
  after = 0
) => {
  let calls = 0
  const failed = () => calls++ >= after
  const error = Effect.fail(F.broken(method, text))
  return F.replacing((fs) => ({
    rename: (from, to) => (method === "rename" && failed() ? error : fs.rename(from, to)),
    makeDirectory: (path, options) =>
      method === "makeDirectory" && failed() ? error : fs.makeDirectory(path, options),
    chmod: (path, mode) => (method === "chmod" && failed() ? error : fs.chmod(path, mode)),
    open: (path, options) =>
      method === "open" && failed()
        ? error
        : Effect.map(
            fs.open(path, options),
            (file) =>
              new Proxy(file, {
                get: (target, key) => {
                  const value: unknown = Reflect.get(target, key, target)
                  if (key === "writeAll" && method === "writeAll")
                    return (piece: Uint8Array) => (failed() ? error : target.writeAll(piece))
                  return typeof value === "function" ? value.bind(target) : value
                }
              })
          )
  }))
}

describe("F32 a disk that fails", () => {
  test("that is full causes a rejection and no leftover file, and a smaller file is staged afterwards", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      // Where mounts are not allowed, the test below covers this with a replaced file system.
      if (!(yield* small(join(base, "staged")))) return
      const attachments = yield* F.store(base)
      const kept = yield* attachments.stageBytes(Buffer.alloc(300_000, "k"), { name: "kept" })
      const error = yield* F.refused(
        attachments.stageBytes(Buffer.alloc(900_000, "x"), { name: "large" }),
        "StorageFailed"
      )
      assert.include(error._tag === "AttachmentRejected" ? error.detail : "", "ENOSPC")
      const slowly = Stream.range(1, 900).pipe(Stream.map(() => Buffer.alloc(1000)))
      yield* F.refused(attachments.stageStream(slowly, { name: "slow" }), "StorageFailed")
      assert.deepStrictEqual(F.staged(base).length, 1)
      assert.strictEqual(Fs.statSync(kept.path).size, 300_000)
      yield* attachments.stageBytes(Buffer.alloc(400_000, "y"), { name: "fits" })
    }))

  for (const [method, text, after] of [
    ["writeAll", "ENOSPC: no space left on device, write", 0],
    ["writeAll", "EIO: i/o error, write", 1],
    ["rename", "EIO: i/o error, rename", 0],
    ["open", "EROFS: read-only file system, open", 0],
    ["chmod", "EIO: i/o error, chmod", 4],
    ["makeDirectory", "EROFS: read-only file system, mkdir", 0],
    ["makeDirectory", "ENOSPC: no space left on device, mkdir", 3]
  ] as const) {
    test(`with ${text.slice(0, 6)} at ${method} ${after} causes a rejection and no leftover file`, () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        yield* Effect.gen(function* () {
          const attachments = yield* F.store(base)
          const stream = Stream.make(bytes("one"), bytes("two"))
          const error = yield* F.refused(attachments.stageStream(stream, { name: "x" }), "StorageFailed")
          assert.include(error._tag === "AttachmentRejected" ? error.detail : "", text)
        }).pipe(failing(method, text, after), Effect.scoped)
        assert.deepStrictEqual(F.staged(base), [])
        const left = Fs.existsSync(join(base, "staged")) ? Fs.readdirSync(join(base, "staged")) : []
        assert.deepStrictEqual(left, [])
      }))
  }

  test("that is read-only causes a rejection", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      if (!(yield* small(join(base, "staged")))) return
      execFileSync("mount", ["-o", "remount,ro", join(base, "staged")])
      const attachments = yield* F.store(base)
      yield* F.refused(attachments.stageBytes(bytes("x"), { name: "x" }), "StorageFailed")
    }))
})

describe("F33 a damaged staged file", () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    "by a flipped byte": (path) => {
      const found = Fs.readFileSync(path)
      found[found.length >> 1] = (found[found.length >> 1] ?? 0) ^ 1
      Fs.writeFileSync(path, found)
    },
    "by being cut": (path) => Fs.truncateSync(path, 3),
    "by more at its end": (path) => Fs.appendFileSync(path, "x"),
    "by being emptied": (path) => Fs.truncateSync(path, 0)
  }
  for (const [how, damage] of Object.entries(damages)) {
    test(`${how} is rejected, kept for inspection, and can be staged again`, () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        yield* Effect.gen(function* () {
          const attachments = yield* F.store(base)
          const stage = attachments.stageBytes(bytes("what it was"), { name: "x.txt" })
          const attachment = yield* stage
          damage(attachment.path)
          const found = F.text(attachment.path)
          const error = yield* F.refused(stage, "StorageFailed")
          const detail = error._tag === "AttachmentRejected" ? error.detail : ""
          assert.include(detail, "damaged")
          const [, kept = ""] = /kept as "([^"]+)"/.exec(detail) ?? []
          assert.strictEqual(F.text(kept), found)
          assert.strictEqual(F.text((yield* stage).path), "what it was")

          damage(attachment.path)
          const turn = Effect.sync(() => assert.fail("started")).pipe(
            holding([{ _tag: "Attachment", attachment }]),
            Effect.provideService(Attachments, attachments)
          )
          yield* F.refused(turn, "StorageFailed")
          assert.strictEqual(F.text((yield* stage).path), "what it was")
        }).pipe(Effect.scoped)
        // Both copies outlive the layer, and neither took the place of the other.
        assert.strictEqual(F.staged(base).length, 2)
        for (const name of F.staged(base)) {
          assert.match(name, /^damaged\//)
          assert.strictEqual(Fs.statSync(join(base, "staged", name)).mode & 0o777, 0o600)
        }
      }))
  }

  test("is never the source of another name, and its release removes no other file", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const held = yield* Scope.make()
      const first = yield* Scope.provide(attachments.stageBytes(bytes("same"), { name: "a" }), held)
      Fs.writeFileSync(first.path, "evil")
      yield* F.refused(attachments.stageBytes(bytes("same"), { name: "b" }), "StorageFailed")
      const b = yield* attachments.stageBytes(bytes("same"), { name: "b" })
      const a = yield* attachments.stageBytes(bytes("same"), { name: "a" })
      yield* Scope.close(held, Exit.void)
      assert.strictEqual(F.text(a.path), "same")
      assert.strictEqual(F.text(b.path), "same")
    }))

  test("that is replaced by a link or a FIFO is rejected without waiting", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const attachment = yield* attachments.stageBytes(bytes("x"), { name: "x" })
      Fs.writeFileSync(join(base, "same"), "x")
      for (const replace of [
        () => Fs.symlinkSync(join(base, "same"), attachment.path),
        () => void execFileSync("mkfifo", [attachment.path])
      ]) {
        Fs.rmSync(attachment.path)
        replace()
        yield* F.refused(Effect.scoped(attachments.hold(attachment)), "StorageFailed")
      }
    }))

  test("is staged again if the file, its directory or the whole root is missing", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const stage = attachments.stageBytes(bytes("x"), { name: "x" })
      const { path } = yield* stage
      for (const gone of [path, dirname(path), dirname(dirname(path)), join(base, "staged")]) {
        Fs.rmSync(gone, { recursive: true })
        assert.strictEqual(F.text((yield* stage).path), "x")
      }
    }))
})

describe("H05 a staged directory that the agent replaces by a link", () => {
  const outside = (base: string, name: string) => {
    Fs.mkdirSync(join(base, "outside"))
    Fs.writeFileSync(join(base, "outside", name), "theirs")
  }
  const swap = (base: string, folder: string) => {
    Fs.renameSync(folder, join(base, "away"))
    Fs.symlinkSync(join(base, "outside"), folder)
  }

  test("H05 deletes nothing behind the link when the scope closes", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      yield* Effect.gen(function* () {
        const attachments = yield* F.store(base)
        const { path } = yield* Effect.scoped(
          Effect.tap(attachments.stageBytes(bytes("ours"), { name: "x.txt" }), ({ path }) =>
            Effect.sync(() => {
              outside(base, "x.txt")
              swap(base, dirname(path))
            })
          )
        )
        assert.isTrue(Fs.lstatSync(dirname(path)).isSymbolicLink())
        assert.strictEqual(F.text(join(base, "outside", "x.txt")), "theirs")
      }).pipe(Effect.scoped)
      assert.strictEqual(F.text(join(base, "outside", "x.txt")), "theirs")
    }))

  test("H05 is rejected when a turn holds the file, or another file is staged", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const attachment = yield* attachments.stageBytes(bytes("theirs"), { name: "x.txt" })
      outside(base, "x.txt")
      swap(base, dirname(attachment.path))
      yield* F.refused(Effect.scoped(attachments.hold(attachment)), "StorageFailed")
      Fs.rmSync(dirname(attachment.path))
      Fs.rmSync(join(dirname(dirname(attachment.path)), "incoming"), { recursive: true })
      Fs.symlinkSync(join(base, "outside"), join(dirname(dirname(attachment.path)), "incoming"))
      yield* F.refused(attachments.stageBytes(bytes("new"), { name: "y.txt" }), "StorageFailed")
      assert.deepStrictEqual(Fs.readdirSync(join(base, "outside")), ["x.txt"])
    }))
})

describe("H25 a staging directory that is swapped for a link all the time", () => {
  test("H25 never receives a file behind the link", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const { path } = yield* attachments.stageBytes(bytes("first"), { name: "x" })
      const incoming = join(dirname(dirname(path)), "incoming")
      Fs.mkdirSync(join(base, "outside"), { mode: 0o700 })
      const swaps = new Int32Array(new SharedArrayBuffer(4))
      yield* Effect.acquireRelease(
        Effect.sync(
          () =>
            new Worker(
              `const { renameSync, rmSync, symlinkSync } = require("node:fs")
               const { workerData: { base, incoming, swaps } } = require("node:worker_threads")
               for (;;) try {
                 symlinkSync(base + "/outside", base + "/link")
                 renameSync(incoming, base + "/away")
                 renameSync(base + "/link", incoming)
                 rmSync(incoming)
                 renameSync(base + "/away", incoming)
                 Atomics.add(swaps, 0, 1)
               } catch {
                 rmSync(base + "/link", { force: true })
                 rmSync(base + "/away", { recursive: true, force: true })
               }`,
              { eval: true, workerData: { base, incoming, swaps } }
            )
        ),
        (worker) => Effect.promise(() => worker.terminate())
      )
      for (let n = 0; n < 50 || (Atomics.load(swaps, 0) < 30 && n < 1000); n++) {
        yield* Effect.exit(Effect.scoped(attachments.stageBytes(bytes(`${n}`), { name: "x" })))
        assert.deepStrictEqual(Fs.readdirSync(join(base, "outside")), [])
      }
    }))
})

describe("F41 the directory of staged files", () => {
  for (const umask of [0o000, 0o022, 0o077, 0o777]) {
    test(`is private under a umask of ${umask.toString(8)}`, () =>
      Effect.gen(function* () {
        const base = yield* F.folder
        const before = process.umask(umask)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(before)))
        const attachments = yield* F.store(base)
        Fs.writeFileSync(join(base, "open"), "x")
        Fs.chmodSync(join(base, "open"), 0o666)
        const { path } = yield* attachments.stage(join(base, "open"))
        const mode = (path: string) => (Fs.statSync(path).mode & 0o777).toString(8)
        assert.strictEqual(mode(path), "600")
        for (let folder = dirname(path); folder !== base; folder = dirname(folder))
          assert.strictEqual(mode(folder), "700", folder)
      }))
  }

  test("is rejected if it is a link, open to others, owned by another user or a file", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [(root: string) => void, string]> = [
        [
          (root) => {
            Fs.mkdirSync(`${root}-real`, { mode: 0o700 })
            Fs.symlinkSync(`${root}-real`, root)
          },
          "symbolic link"
        ],
        [(root) => Fs.mkdirSync(root, { mode: 0o755 }), "chmod 700"],
        [(root) => Fs.writeFileSync(root, ""), "not a directory"],
        ...(process.geteuid?.() === 0
          ? [
              [
                (root: string) => {
                  Fs.mkdirSync(root, { mode: 0o700 })
                  Fs.chownSync(root, 65534, 65534)
                },
                "another user"
              ] as const
            ]
          : [])
      ]
      for (const [make, expected] of cases) {
        const base = yield* F.folder
        make(join(base, "staged"))
        const attachments = yield* F.store(base)
        const error = yield* F.refused(attachments.stageBytes(bytes("x"), { name: "x" }), "StorageFailed")
        assert.include(error._tag === "AttachmentRejected" ? error.detail : "", expected)
        assert.deepStrictEqual(
          F.files(base).filter((name) => name !== "staged"),
          []
        )
      }
    }))

  test("H05 is below the user's state directory by default, not below one for temporary files", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const before = process.env["XDG_STATE_HOME"]
      process.env["XDG_STATE_HOME"] = join(base, "state")
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env["XDG_STATE_HOME"]
          else process.env["XDG_STATE_HOME"] = before
        })
      )
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const { path } = yield* attachments.stageBytes(bytes("x"), { name: "x" })
        assert.isTrue(path.startsWith(join(base, "state", "effect-codex", "attachments/")))
      }).pipe(Effect.scoped, Effect.provide(Attachments.layerOptions({})))
      assert.deepStrictEqual(F.files(base), [])
    }))
})
