import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { join, relative } from "node:path"
import type { AttachmentReason } from "../../src/domain/CodexError.ts"
import * as SourceFile from "../../src/attachment/SourceFile.ts"
import { test } from "../support/live.ts"
import * as F from "./fixture.ts"

describe("an attached file", () => {
  test("is staged unchanged, under its name, readable only by the user", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const bytes = Buffer.alloc(700_000, "0123456789")
      Fs.writeFileSync(join(base, "notes.md"), bytes)
      const attachment = yield* attachments.stage(join(base, "notes.md"))
      assert.deepInclude(attachment, { name: "notes.md", size: bytes.length, mediaType: "text/markdown" })
      assert.strictEqual(
        attachment.sha256,
        execFileSync("sha256sum", [join(base, "notes.md")], { encoding: "utf8" }).slice(0, 64)
      )
      assert.isTrue(Fs.readFileSync(attachment.path).equals(bytes))
      // What becomes of the original no longer matters.
      Fs.writeFileSync(join(base, "notes.md"), "other")
      assert.isTrue(Fs.readFileSync(attachment.path).equals(bytes))
    }))

  test("F37 is rejected before a byte is read if it is not a regular file, and nothing is staged", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      const at = (name: string) => join(base, name)
      Fs.writeFileSync(at("real"), "real")
      Fs.symlinkSync(at("real"), at("link"))
      Fs.symlinkSync(at("nowhere"), at("dangling"))
      Fs.mkdirSync(at("folder"))
      execFileSync("mkfifo", [at("fifo")])
      const server = createServer()
      yield* Effect.acquireRelease(
        Effect.promise(() => new Promise<void>((resolve) => server.listen(at("socket"), resolve))),
        () => Effect.sync(() => server.close())
      )
      const cases: ReadonlyArray<readonly [path: string, reason: AttachmentReason]> = [
        [at("link"), "Symlink"],
        [at("dangling"), "Symlink"],
        [at("folder"), "NotAFile"],
        [base, "NotAFile"],
        ["/", "NotAFile"],
        // A FIFO without a writer: opening it must not wait.
        [at("fifo"), "NotAFile"],
        [at("socket"), "NotAFile"],
        ["/dev/null", "NotAFile"],
        ["/dev/zero", "NotAFile"],
        ["/dev/stdin", "NotAFile"],
        ["/proc/self/environ", "NotAFile"],
        ["/proc/version", "NotAFile"],
        ["/proc/self/root/etc/hostname", "NotAFile"],
        ["/proc/self/fd/0", "NotAFile"],
        ["/sys/kernel/notes", "NotAFile"],
        [relative(process.cwd(), "/proc/version"), "NotAFile"],
        ["", "NotFound"],
        [at("nothing"), "NotFound"],
        [join(at("real"), "x"), "NotFound"],
        [`${at("real")}\0.png`, "BadName"],
        [at("x".repeat(300)), "NotFound"]
      ]
      for (const [path, reason] of cases) {
        const error = yield* F.refused(Effect.scoped(attachments.stage(path)), reason)
        assert.strictEqual(error._tag === "AttachmentRejected" ? error.path : "", path)
      }
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("F37 of /proc is rejected by its file system, through any path", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      // A folder on the way may be a link where there is no root: the path does not say /proc.
      Fs.symlinkSync("/proc", join(base, "innocent"))
      yield* F.refused(Effect.scoped(attachments.stage(join(base, "innocent", "version"))), "NotAFile")
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("F37 must be inside the root if one is set, not through a link or ..", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const root = join(base, "root")
      const attachments = yield* F.store(base, { root })
      const at = (name: string) => join(root, name)
      Fs.mkdirSync(at("a/b"), { recursive: true })
      Fs.mkdirSync(join(base, "root-of-others"))
      for (const file of [at("in"), at("a/b/deep"), join(base, "out"), join(base, "root-of-others/x")])
        Fs.writeFileSync(file, file)
      Fs.symlinkSync(base, at("up"))
      Fs.symlinkSync(at("a"), at("sideways"))
      const fine = ["in", at("in"), "./in", "a/b/deep", "a/../in", "a/b/../../in", "a/../a/b/deep"]
      for (const path of fine) {
        const { name } = yield* Effect.scoped(attachments.stage(path))
        assert.strictEqual(name, path.endsWith("deep") ? "deep" : "in")
      }
      const cases: ReadonlyArray<readonly [path: string, reason: AttachmentReason]> = [
        ["../out", "OutsideRoot"],
        ["..", "OutsideRoot"],
        ["a/../../out", "OutsideRoot"],
        [join(base, "out"), "OutsideRoot"],
        [`${root}/../out`, "OutsideRoot"],
        [`${root}-of-others/x`, "OutsideRoot"],
        ["/etc/hostname", "OutsideRoot"],
        ["/proc/self/environ", "OutsideRoot"],
        ["up/out", "Symlink"],
        ["sideways/b/deep", "Symlink"],
        ["up", "Symlink"],
        [".", "NotAFile"],
        ["in/x", "NotFound"]
      ]
      for (const [path, reason] of cases) yield* F.refused(Effect.scoped(attachments.stage(path)), reason)
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("F37 may be inside a root that is itself a link", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      Fs.mkdirSync(join(base, "real"))
      Fs.writeFileSync(join(base, "real/x"), "x")
      Fs.symlinkSync(join(base, "real"), join(base, "root"))
      const attachments = yield* F.store(base, { root: join(base, "root") })
      for (const path of ["x", join(base, "root/x"), join(base, "real/x")]) yield* attachments.stage(path)
      yield* F.refused(attachments.stage(join(base, "x")), "OutsideRoot")
    }))

  test("F37 is rejected if it is too large, by its reported size or by its content", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base, { maxBytes: 1000 })
      Fs.writeFileSync(join(base, "fits"), Buffer.alloc(1000))
      Fs.writeFileSync(join(base, "large"), Buffer.alloc(1001))
      // The file is sparse: reading it would take very long.
      Fs.writeFileSync(join(base, "huge"), "")
      Fs.truncateSync(join(base, "huge"), 2 ** 40)
      yield* attachments.stage(join(base, "fits"))
      for (const name of ["large", "huge"]) yield* F.refused(attachments.stage(join(base, name)), "TooLarge")
      yield* F.refused(attachments.stageBytes(Buffer.alloc(1001), { name: "x" }), "TooLarge")
      const endless = Stream.forever(Stream.make(new Uint8Array(100)))
      yield* F.refused(attachments.stageStream(endless, { name: "x" }), "TooLarge")
      assert.strictEqual(F.staged(base).length, 1)
    }))

  test("F37 may have up to 20 MiB by default", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      Fs.writeFileSync(join(base, "fits"), "")
      Fs.truncateSync(join(base, "fits"), 20 * 1024 * 1024)
      Fs.writeFileSync(join(base, "large"), "")
      Fs.truncateSync(join(base, "large"), 20 * 1024 * 1024 + 1)
      assert.strictEqual((yield* attachments.stage(join(base, "fits"))).size, 20 * 1024 * 1024)
      yield* F.refused(attachments.stage(join(base, "large")), "TooLarge")
    }))

  /** Stages a file that something happens to as soon as its first bytes are written. */
  const meddling = (maxBytes: number, meddle: (path: string) => void) =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const path = join(base, "busy.log")
      Fs.writeFileSync(path, Buffer.alloc(300_000, "a"))
      const exit = yield* F.store(base, { maxBytes }).pipe(
        Effect.flatMap((attachments) => Effect.flip(attachments.stage(path))),
        F.replacing((fs) => ({
          open: (file, options) =>
            Effect.map(fs.open(file, options), (handle) => {
              let first = true
              const writeAll: FileSystem.File["writeAll"] = (bytes) => {
                if (first) meddle(path)
                first = false
                return handle.writeAll(bytes)
              }
              return new Proxy(handle, {
                get: (target, key) => {
                  const value: unknown = Reflect.get(target, key, target)
                  if (key === "writeAll") return writeAll
                  return typeof value === "function" ? value.bind(target) : value
                }
              })
            })
        }))
      )
      assert.deepStrictEqual(F.staged(base), [])
      return exit.reason
    })

  test("F37 F38 is rejected as changed if it grows, shrinks or is written to during staging", () =>
    Effect.gen(function* () {
      const grow = (path: string) => Fs.appendFileSync(path, "more")
      assert.strictEqual(yield* meddling(400_000, grow), "Changed")
      assert.strictEqual(yield* meddling(300_000, grow), "TooLarge")
      assert.strictEqual(yield* meddling(400_000, (path) => Fs.truncateSync(path, 10)), "Changed")
      const rewrite = (path: string) => {
        Fs.writeFileSync(path, Buffer.alloc(300_000, "b"), { flag: "r+" })
        // The clock of the kernel is coarse.
        Fs.utimesSync(path, 1, 1)
      }
      assert.strictEqual(yield* meddling(400_000, rewrite), "Changed")
    }))

  test("of a type that is not allowed is rejected by its content, not by its name", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base, { mediaTypes: ["image/*", "text/markdown"] })
      const png = Buffer.from("\u0089PNG\r\n\u001a\n", "latin1")
      assert.strictEqual((yield* attachments.stageBytes(png, { name: "a.txt" })).mediaType, "image/png")
      yield* attachments.stageBytes(Buffer.from("# x"), { name: "a.md" })
      yield* F.refused(attachments.stageBytes(Buffer.from("x"), { name: "a.png" }), "TypeNotAllowed")
      // By the byte: what it is shows late.
      const slowly = Stream.fromIterable(Buffer.from("no image")).pipe(
        Stream.map((byte) => Uint8Array.of(byte))
      )
      yield* F.refused(attachments.stageStream(slowly, { name: "a.gif" }), "TypeNotAllowed")
      assert.strictEqual(F.staged(base).length, 2)
    }))

  test("F37 with a name without any safe character is rejected", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const attachments = yield* F.store(base)
      for (const name of ["", "..", "/", "\u202e"])
        yield* F.refused(attachments.stageBytes(new Uint8Array(1), { name }), "BadName")
      const { name, path } = yield* attachments.stageBytes(new Uint8Array(1), { name: "../../-rf $(x)" })
      assert.strictEqual(name, "_rf $(x)")
      assert.match(path, /staged\/[^/]+\/[0-9a-f]{64}\/_rf___x_$/)
      assert.strictEqual(F.staged(base).length, 1)
    }))

  test("is closed with its scope", () =>
    Effect.gen(function* () {
      const target = join(yield* F.folder, "target")
      Fs.writeFileSync(target, "public")
      const isOpen = () =>
        Fs.readdirSync("/proc/self/fd").some((name) => {
          try {
            return Fs.readlinkSync(`/proc/self/fd/${name}`) === target
          } catch {
            return false
          }
        })
      const source = SourceFile.open(target, { root: undefined, maxBytes: 1000 })
      assert.isTrue(yield* Effect.scoped(Effect.map(source, isOpen)))
      assert.isFalse(isOpen())
    }))
})
