/** A turn does not start while its sandbox may write a directory in which this process keeps files. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as ThreadAccess from "../../src/domain/ThreadAccess.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { Sandbox, TurnOptions } from "../../src/domain/TurnOptions.ts"
import type * as Engine from "../../src/engine/Engine.ts"
import * as HostDirectories from "../../src/internal/HostDirectories.ts"
import * as File from "../../src/telemetry/File.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import { test } from "../support/live.ts"
import { openThread } from "../support/singleThreadEngine.ts"

const threadId = ThreadId.make("thread")

/** A thread of a workspace, whose sandbox may write the workspace only. */
const threadIn = (cwd: string, sandbox: Sandbox | undefined = "workspace-write") => {
  const started: Array<string> = []
  const begin = (handlers: Engine.Handlers) =>
    Effect.sync(() => {
      started.push("turn")
      handlers.emit({ _tag: "TurnStarted", threadId, turnId: TurnId.make("turn"), at: 0 })
    })
  const engine: Engine.EngineThread = {
    id: threadId,
    model: "model",
    provider: "provider",
    cwd,
    access: () => ThreadAccess.make(cwd, sandbox, { excludeSlashTmp: true, excludeTmpdir: true }),
    turn: (_input, _options, handlers) => begin(handlers),
    compact: begin,
    steer: () => Effect.void
  }
  return { thread: openThread(engine, { sandbox }), started }
}

const fixture = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const root = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "host-files-" }), fs.realPath)
  for (const name of ["ws", "outside"]) yield* fs.makeDirectory(`${root}/${name}`)
  return root
})

/** Runs a turn, and returns the text of its error or `started`. */
const attempt = (
  cwd: string,
  options: { readonly sandbox?: Sandbox | undefined; readonly turn?: TurnOptions } = {}
) => {
  const { started, thread } = threadIn(cwd, "sandbox" in options ? options.sandbox : "workspace-write")
  return thread.run("go", options.turn).pipe(
    Effect.match({
      onSuccess: () => "started",
      onFailure: (error) => `${error.errorType}: ${"detail" in error ? error.detail : ""}`
    }),
    Effect.tap((result) => Effect.sync(() => assert.strictEqual(started.length === 1, result === "started")))
  )
}

const spool = (directory: string) => Otlp.layer({ spool: { directory }, signals: ["traces"] })

/** Runs an effect while a layer of telemetry is open. */
const during = <A, E>(telemetry: Layer.Layer<never>, effect: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    yield* Layer.build(telemetry)
    return yield* effect
  }).pipe(Effect.scoped, Effect.provideService(Settings.Environment, { HOME: "/nonexistent" }))

describe("Files of the host", () => {
  test("are protected by refusing a turn whose sandbox may write the spool", () =>
    Effect.gen(function* () {
      const root = yield* fixture
      const inside = yield* during(spool(`${root}/ws/spool`), attempt(`${root}/ws`))
      assert.match(inside, /^InvalidRequest\.AgentWritable: /)
      for (const part of [`${root}/ws"`, `${root}/ws/spool"`, "CODEX_OTLP_SPOOL_DIR"])
        assert.include(inside, part)
      assert.strictEqual(yield* during(spool(`${root}/outside/spool`), attempt(`${root}/ws`)), "started")
      // The workspace lies in the spool.
      assert.match(yield* during(spool(root), attempt(`${root}/ws`)), /AgentWritable/)
    }))

  test("are protected by refusing a turn whose sandbox may write the directory of a telemetry file", () =>
    Effect.gen(function* () {
      const root = yield* fixture
      const file = (path: string) => File.layer({ path: `${root}/${path}`, signals: ["traces"] })
      const inside = yield* during(file("ws/traces.json"), attempt(`${root}/ws`))
      assert.match(inside, /^InvalidRequest\.AgentWritable: .*"traces\.json"/)
      assert.strictEqual(yield* during(file("traces.json"), attempt(`${root}/ws`)), "started")
      // Codex keeps this directory read-only.
      assert.strictEqual(yield* during(file("ws/.codex/traces.json"), attempt(`${root}/ws`)), "started")
    }))

  test("are also protected behind a link, and from the cwd and the sandbox of a single turn", () =>
    Effect.gen(function* () {
      const root = yield* fixture
      const fs = yield* FileSystem.FileSystem
      yield* fs.symlink(`${root}/outside`, `${root}/link`)
      const directory = `${root}/outside/spool`
      const attempts = (options: Parameters<typeof attempt>[1]) =>
        during(spool(directory), attempt(`${root}/ws`, options))
      assert.match(yield* attempts({ turn: { cwd: `${root}/link` } }), /AgentWritable/)
      // The sandbox of a turn includes the directory for temporary files, where this test is.
      assert.match(
        yield* attempts({ sandbox: "read-only", turn: { sandbox: "workspace-write" } }),
        /AgentWritable/
      )
      assert.strictEqual(yield* attempts({ sandbox: "read-only" }), "started")
      assert.strictEqual(yield* attempts({ turn: { cwd: root, sandbox: "read-only" } }), "started")
    }))

  test("cannot be protected without a sandbox, and need no protection once their layer is closed", () =>
    Effect.gen(function* () {
      const root = yield* fixture
      const directory = `${root}/ws/spool`
      const full = { sandbox: "danger-full-access" } as const
      assert.strictEqual(yield* during(spool(directory), attempt(`${root}/ws`, full)), "started")
      assert.strictEqual(yield* attempt(`${root}/ws`), "started")
      const { list } = yield* HostDirectories.Current
      assert.deepStrictEqual(
        list().filter(({ path }) => path.startsWith(root)),
        []
      )
    }))
})
