/** A program that uses everything a cassette records, and a directory for its cassettes. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as TestClock from "effect/testing/TestClock"
import { Approval, Codex, type Turn } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import type * as Engine from "../../../src/engine/Engine.ts"
import * as Cassette from "../../../src/testing/Cassette.ts"
import { inOneSlice } from "../../support/live.ts"

export const Tickets = Toolkit.make(
  Tool.make("lookup_ticket", {
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String })
  })
)

export interface Program {
  readonly prompts?: ReadonlyArray<string>
  readonly title?: string
  readonly policy?: Approval.Policy
  readonly cwd?: string
  readonly model?: string
}

/** Runs one turn per prompt, and returns the turns. */
export const program = (options: Program = {}) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const thread = yield* codex.startThread({
      tools: yield* Tickets,
      approvalMode: "on-request",
      cwd: options.cwd,
      model: options.model
    })
    const turns: Array<Turn.Turn> = []
    for (const prompt of options.prompts ?? ["Fix T-42", "Thanks"]) turns.push(yield* thread.run(prompt))
    return turns
  }).pipe(
    Effect.scoped,
    Effect.provide([
      Tickets.toLayer({
        lookup_ticket: ({ id }) =>
          Effect.as(Effect.sleep("2 seconds"), { title: options.title ?? `about ${id}` })
      }),
      Approval.layer(options.policy ?? Approval.allow)
    ])
  )

export const script = [
  Scripted.delay("1 second"),
  Scripted.reasoning("let me see"),
  Scripted.command("npm test", { approval: true, output: "1 failed", exitCode: 1, takes: "3 seconds" }),
  Scripted.toolCall("lookup_ticket", { id: "T-42" }),
  Scripted.usage({ input: 100, output: 20 }),
  Scripted.message("Fixed.", { deltas: true, takes: "500 millis" }),
  Scripted.completed,
  Scripted.message("You are welcome.")
]

/** Runs Codex on an engine, and advances the test clock until the program ends. */
export const on = <A, E, E2>(
  engine: Layer.Layer<Engine.Engine, E2>,
  effect: Effect.Effect<A, E, Codex>
): Effect.Effect<A, E | E2> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(
      Effect.provide(effect, Layer.fresh(Codex.layer).pipe(Layer.provideMerge(engine))).pipe(inOneSlice),
      { startImmediately: true }
    )
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
    return yield* Fiber.join(fiber)
  })

/** A scripted engine that plays these steps. */
export const scripted = (steps: ReadonlyArray<Scripted.ScriptedStep>): Layer.Layer<Engine.Engine> =>
  Layer.effectDiscard(Scripted.play(steps)).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer)))

export const recording = (
  file: string,
  steps: ReadonlyArray<Scripted.ScriptedStep> = script,
  options: Cassette.RecordOptions = {}
) => Cassette.record(file, options).pipe(Layer.provide(scripted(steps)))

const quiet = Layer.merge(NodeServices.layer, Logger.layer([]))

/** Runs a test in a temporary directory. */
export const inFolder = <A, E>(
  body: (folder: {
    readonly path: string
    readonly read: (name: string) => Effect.Effect<string>
    readonly fs: FileSystem.FileSystem
  }) => Effect.Effect<A, E, NodeServices.NodeServices | Scope.Scope>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const join = (yield* Path.Path).join
    const path = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-cassette-" })
    return yield* body({ path, fs, read: (name) => Effect.orDie(fs.readFileString(join(path, name))) })
  }).pipe(Effect.provide(quiet))

/** Asserts that the defect is a mismatch whose message contains all parts. */
export const assertMismatch = (defect: unknown, ...parts: ReadonlyArray<string>) => {
  assert.instanceOf(defect, Cassette.CassetteMismatch)
  if (defect instanceof Cassette.CassetteMismatch)
    for (const part of parts) assert.include(defect.message, part)
}

export const defectOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.as<unknown>(undefined),
    Effect.catchDefect((defect) => Effect.succeed(defect))
  )
