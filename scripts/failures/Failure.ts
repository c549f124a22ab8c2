/** A set-up in which a turn fails on the real Codex, and the error that the user gets. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import type * as CodexError from "../../src/domain/CodexError.ts"
import type * as TurnOptions from "../../src/domain/TurnOptions.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import type * as Thread from "../../src/Thread.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"

export type Services =
  | ChildProcessSpawner.ChildProcessSpawner
  | FileSystem.FileSystem
  | Path.Path
  | Scope.Scope

/** What one run of a set-up gave: the error, or that the turn completed. */
export interface Outcome {
  readonly error: CodexError.TurnError | undefined
  /** Texts of this run to replace in the table: directories and ports. */
  readonly names: ReadonlyArray<readonly [text: string, name: string]>
}

export interface Failure {
  readonly id: string
  /** What is wrong, as the table says it. */
  readonly setup: string
  /** `error.type`, or `none` if Codex does without what is missing. */
  readonly errorType: string
  readonly class?: CodexError.Class
  readonly retryable?: boolean
  /** Texts of Codex, the provider or the system that the message must contain. */
  readonly reasons: ReadonlyArray<string>
  /** Whether `npm test` plays it: one of each group. */
  readonly gate?: true
  readonly run: Effect.Effect<Outcome, PlatformError.PlatformError, Services>
}

export interface FailureGroup {
  readonly title: string
  readonly failures: ReadonlyArray<Failure>
}

export interface Home {
  readonly HOME: string
  readonly CODEX_HOME: string
  readonly TMPDIR: string
  readonly MOCK_API_KEY: string
}

export interface Setup {
  /** The replies of the provider; without it, one answer. */
  readonly script?: ModelServer.Script
  /** Settings of Codex, in TOML. */
  readonly config?: string
  /** How many times Codex sends a request again, if it does not fail at once; default 0. */
  readonly retries?: number
  /** Breaks the home. Returns variables that differ; the scope ends after the turn. */
  readonly breakHome?: (
    home: Home
  ) => Effect.Effect<Readonly<Record<string, string | undefined>>, PlatformError.PlatformError, Services>
  readonly engine?: AppServer.AppServerOptions
  readonly thread?: ThreadOptions
  /** Breaks the workspace, before the thread starts. */
  readonly breakWorkspace?: (
    workspace: string
  ) => Effect.Effect<string, PlatformError.PlatformError, Services>
  readonly turn?: TurnOptions.TurnOptions
  readonly during?: (thread: Thread.Thread) => Effect.Effect<unknown, CodexError.TurnError>
}

/** Plays one turn in a set-up, with a home and a workspace of its own. */
export const play = Effect.fnUntraced(function* (
  setup: Setup
): Effect.fn.Return<Outcome, PlatformError.PlatformError, Services> {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(setup.script ?? [ModelServer.reply(ModelServer.text("fine"))], {
    otherwise: ModelServer.reply(ModelServer.text("fine"))
  })
  const { retries = 0 } = setup
  const home = yield* ModelServer.home(server, {
    config: `model_providers.mock.request_max_retries = 0\nmodel_providers.mock.stream_max_retries = ${retries}\n${setup.config ?? ""}`,
    directory: "/var/tmp"
  })
  const changes = yield* setup.breakHome?.(home) ?? Effect.succeed({})
  const made = yield* Effect.flatMap(
    fs.makeTempDirectoryScoped({ prefix: "effect-codex-workspace-" }),
    fs.realPath
  )
  const cwd = yield* setup.breakWorkspace?.(made) ?? Effect.succeed(made)
  const engine = AppServer.layerOptions({ ...setup.engine, env: { ...home, ...changes } })
  const turn = Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      cwd,
      sandbox: "workspace-write",
      approvalMode: "never",
      ...setup.thread
    })
    return yield* setup.during?.(thread) ?? thread.run("go", setup.turn)
  })
  const error = yield* turn.pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provide(engine))),
    Effect.flip,
    Effect.option
  )
  const port = new URL(server.url).port
  return {
    error: Option.getOrUndefined(error),
    names: [
      [home.CODEX_HOME, "$CODEX_HOME"],
      [home.HOME, "$HOME"],
      [made, "$WORKSPACE"],
      [`127.0.0.1:${port}`, "127.0.0.1:PORT"]
    ]
  }
})

/** The native binary of the installed Codex. */
export const codexBinary: string = (() => {
  const launcher = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const platform = createRequire(launcher).resolve(
    `@openai/codex-${process.platform}-${process.arch}/package.json`
  )
  const triple = process.arch === "arm64" ? "aarch64-unknown-linux-musl" : "x86_64-unknown-linux-musl"
  return join(dirname(platform), "vendor", triple, "bin", "codex")
})()
