/** What the benchmarks of turns compare: this library and `@openai/codex-sdk`. Each is loaded only when it is measured. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { env as processEnv } from "node:process"
import * as ChildEnvironment from "../src/engine/app-server/ChildEnvironment.ts"
import type * as Model from "./model.ts"

/** The prompt of every turn. */
export const prompt = "Say that you are done."

/** A contender: it makes a thread, which is an effect that runs one turn each time and returns its message. */
export interface Contender {
  readonly name: string
  readonly thread: Effect.Effect<Effect.Effect<string, unknown>, unknown, Scope.Scope>
}

/** This library. Its Codex process starts here and ends with the scope. */
export const effectCodex = (command: string, { cwd, env }: Model.Place) =>
  Effect.gen(function* () {
    const { AppServer, Codex } = yield* Effect.promise(() => import("../src/index.ts"))
    const layer = Codex.layer.pipe(Layer.provide(AppServer.layerOptions({ codexPath: command, env })))
    const codex = Context.get(yield* Layer.build(layer), Codex)
    const thread = codex.startThread({ cwd, sandbox: "read-only", approvalMode: "never" })
    return {
      name: "effect-codex",
      thread: Effect.map(thread, (thread) => Effect.map(thread.run(prompt), ({ message }) => message))
    } satisfies Contender
  })

/** `@openai/codex-sdk`, which starts a process for each turn. */
export const sdk = (command: string, { config, cwd, env }: Model.Place) =>
  Effect.gen(function* () {
    const { Codex } = yield* Effect.promise(() => import("@openai/codex-sdk"))
    const codex = new Codex({
      codexPathOverride: command,
      env: ChildEnvironment.select(processEnv, [config], env)
    })
    return {
      name: "codex-sdk",
      thread: Effect.sync(() => {
        const thread = codex.startThread({
          workingDirectory: cwd,
          sandboxMode: "read-only",
          approvalPolicy: "never",
          skipGitRepoCheck: true
        })
        return Effect.map(
          Effect.tryPromise((signal) => thread.run(prompt, { signal })),
          ({ finalResponse }) => finalResponse
        )
      })
    } satisfies Contender
  })
