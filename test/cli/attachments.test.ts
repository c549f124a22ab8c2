import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Fs from "node:fs"
import { basename, join } from "node:path"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"
import * as F from "../attachment/fixture.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Live from "../support/live.ts"

// Every test starts several processes, next to other tests: how long they take depends on the machine.
const test = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

const cli = (base: string, ...args: ReadonlyArray<string>) =>
  CommandLine.run({ args: ["attachments", ...args], env: { XDG_STATE_HOME: base } })

/** Runs a command of `attachments` within this process. */
const cliHere = (base: string, ...args: ReadonlyArray<string>) =>
  CommandLine.runHere({ args: ["attachments", ...args], env: { XDG_STATE_HOME: base } })

const Printed = Schema.fromJsonString(
  Schema.Struct({
    root: Schema.NullOr(Schema.String),
    folders: Schema.Array(
      Schema.Struct({
        path: Schema.String,
        state: Schema.String,
        pid: Schema.optionalKey(Schema.Int),
        files: Schema.Int,
        bytes: Schema.Int
      })
    ),
    files: Schema.optionalKey(Schema.Int),
    bytes: Schema.optionalKey(Schema.Int),
    failed: Schema.optionalKey(Schema.Array(Schema.Struct({ path: Schema.String, detail: Schema.String }))),
    dryRun: Schema.optionalKey(Schema.Boolean)
  })
)
const printed = Schema.decodeUnknownEffect(Printed)

/** A root with a folder of each kind: of a live process, of dead ones, of another container, and of damaged copies. */
const populated = Effect.gen(function* () {
  const base = yield* F.folder
  const me = yield* ProcessIdentity.self
  const root = join(base, "effect-codex", "attachments")
  Fs.mkdirSync(join(root, ".."), { mode: 0o700 })
  Fs.mkdirSync(root, { mode: 0o700 })
  const make = (name: string, ...sizes: ReadonlyArray<number>) => {
    Fs.mkdirSync(join(root, name, "sha"), { recursive: true })
    sizes.forEach((size, n) => Fs.writeFileSync(join(root, name, "sha", `file-${n}`), Buffer.alloc(size)))
    return join(root, name)
  }
  return {
    base,
    root,
    live: make(ProcessIdentity.directoryName(me), 10),
    gone: make(ProcessIdentity.directoryName({ ...me, started: "1" }), 100, 1000),
    elsewhere: make(ProcessIdentity.directoryName({ ...me, namespace: "00000000" }), 1),
    damaged: make("damaged", 7),
    unknown: make("unknown", 5)
  }
})

describe.concurrent("effect-codex attachments", () => {
  test("list prints the owner and the content of every directory", () =>
    Effect.gen(function* () {
      const { base, damaged, elsewhere, gone, live, root } = yield* populated
      const ran = yield* cli(base, "list", "--json")
      assert.strictEqual(ran.code, 0)
      const found = yield* printed(ran.stdout)
      assert.strictEqual(found.root, root)
      assert.deepStrictEqual(
        new Map(found.folders.map(({ bytes, files, path, state }) => [path, [state, files, bytes]])),
        new Map([
          [live, ["live", 1, 10]],
          [gone, ["gone", 2, 1100]],
          [elsewhere, ["elsewhere", 1, 1]],
          [damaged, ["damaged", 1, 7]]
        ])
      )
      const words = yield* cli(base, "list")
      assert.strictEqual(words.code, 0)
      assert.include(words.stdout, `live pid ${process.pid}: 1 file, 10 B in ${live}\n`)
      assert.include(words.stdout, "2 files, 1.1 kB")
    }))

  test("clean --dry-run prints what clean would remove without removing it", () =>
    Effect.gen(function* () {
      const { base, gone, root } = yield* populated
      const before = F.files(root)
      const ran = yield* cli(base, "clean", "--dry-run", "--json")
      assert.strictEqual(ran.code, 0)
      const found = yield* printed(ran.stdout)
      assert.deepInclude(found, { dryRun: true, files: 2, bytes: 1100, failed: [] })
      assert.deepStrictEqual(
        found.folders.map(({ path }) => path),
        [gone]
      )
      assert.deepStrictEqual(F.files(root), before)
    }))

  test("clean removes files of ended processes, and --all everything that no running process owns", () =>
    Effect.gen(function* () {
      const { base, damaged, elsewhere, gone, live, root, unknown } = yield* populated
      const ran = yield* cli(base, "clean")
      assert.strictEqual(ran.code, 0)
      assert.include(ran.stderr, "removed 2 files, 1.1 kB")
      assert.include(ran.stdout, gone)
      const names = (...paths: ReadonlyArray<string>) => paths.map((path) => basename(path)).toSorted()
      assert.deepStrictEqual(Fs.readdirSync(root).toSorted(), names(live, elsewhere, damaged, unknown))
      const all = yield* printed((yield* cli(base, "clean", "--all", "--json")).stdout)
      assert.deepInclude(all, { dryRun: false, files: 2, bytes: 8, failed: [] })
      assert.deepStrictEqual(Fs.readdirSync(root).toSorted(), names(live, unknown))
      const again = yield* printed((yield* cli(base, "clean", "--all", "--json")).stdout)
      assert.deepInclude(again, { files: 0, bytes: 0, folders: [] })
    }))

  test("uses --directory, and finds nothing in a missing directory", () =>
    Effect.gen(function* () {
      const { base, root } = yield* populated
      const other = yield* cli(join(base, "nowhere"), "list", "--directory", root, "--json")
      assert.strictEqual((yield* printed(other.stdout)).folders.length, 4)
      const empty = yield* cli(join(base, "nowhere"), "list", "--json")
      assert.strictEqual(empty.code, 0)
      assert.deepStrictEqual(yield* printed(empty.stdout), { root: null, folders: [] })
      assert.strictEqual((yield* cli(join(base, "nowhere"), "clean")).code, 0)
    }))

  test("touches no directory that is not private, and exits with 1", () =>
    Effect.gen(function* () {
      const { base, root } = yield* populated
      Fs.chmodSync(root, 0o755)
      const before = F.files(root)
      for (const command of ["list", "clean"]) {
        const ran = yield* cli(base, command)
        assert.strictEqual(ran.code, 1)
        assert.include(ran.stderr, "chmod 700")
        assert.strictEqual(ran.stdout, "")
      }
      assert.deepStrictEqual(F.files(root), before)
    }))

  test("exits with 1 if a file cannot be removed, and counts the removed files", () =>
    Effect.gen(function* () {
      const { base, gone } = yield* populated
      // Even root cannot remove a file that is marked immutable; without that mark the test is skipped.
      const marked = join(gone, "sha", "file-1")
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const mark = (how: string) =>
        Effect.orElseSucceed(
          Effect.map(
            spawner.exitCode(ChildProcess.make("chattr", [how, marked], { stderr: "ignore" })),
            Number
          ),
          () => 1
        )
      yield* Effect.addFinalizer(() => mark("-i"))
      if ((yield* mark("+i")) !== 0) return
      const ran = yield* cli(base, "clean", "--json")
      assert.strictEqual(ran.code, 1)
      const found = yield* printed(ran.stdout)
      assert.deepInclude(found, { files: 1, bytes: 100 })
      assert.deepStrictEqual(
        found.failed?.map(({ path }) => path),
        [marked]
      )
      assert.isTrue(Fs.existsSync(marked))
    }))

  test("documents itself with --help, and rejects invalid arguments with 2", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      for (const [args, text] of [
        [["--help"], "clean"],
        [["list", "--help"], "--directory"],
        [["clean", "--help"], "--dry-run"]
      ] as const) {
        const ran = yield* cliHere(base, ...args)
        assert.strictEqual(ran.code, 0)
        assert.include(ran.stdout, text)
      }
      for (const args of [["clean", "--nonsense"], ["walk"], ["list", "--all"]])
        assert.strictEqual((yield* cliHere(base, ...args)).code, 2, args.join(" "))
      assert.strictEqual((yield* cli(base, "walk")).code, 2)
    }))
})
