/**
 * An engine that plays a script instead of running Codex. It needs no process and no model, gives the same result every
 * time, and works under any clock.
 *
 * ```ts
 * yield* Scripted.play([
 *   Scripted.command("npm test", { exitCode: 1 }),
 *   Scripted.toolCall("lookup_ticket", { id: "T-42" }),
 *   Scripted.message("Fixed.")
 * ])
 * ```
 *
 * A script that does not match the program is a defect, so the test fails however the program handles errors. Mismatches
 * are a turn without steps, a step that the thread cannot perform (a tool that it does not have, an approval on a thread
 * that never asks), and unused steps at the end.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Exec from "../domain/Exec.ts"
import { ThreadId } from "../domain/Ids.ts"
import type * as CodexProtocol from "../engine/CodexProtocol.ts"
import * as Engine from "../engine/Engine.ts"
import type { RespondToCommand } from "./scripted/ScriptedExec.ts"
import * as ScriptedEngine from "./scripted/ScriptedEngine.ts"
import type { ScriptedStep } from "./scripted/ScriptedTurn.ts"

export type { RespondToCommand, ScriptedResult } from "./scripted/ScriptedExec.ts"
export { background, command, fileChange, question, toolCall } from "./scripted/ActionSteps.ts"
export { limit, usageLimit } from "./scripted/LimitSteps.ts"
export { notification } from "./scripted/NotificationStep.ts"
export { ScriptError, type ScriptedEnd, type ScriptedStep } from "./scripted/ScriptedTurn.ts"
export {
  agent,
  completed,
  continues,
  delay,
  event,
  failed,
  goal,
  interrupted,
  message,
  plan,
  prompt,
  proposedPlan,
  reasoning,
  review,
  silence,
  steered,
  usage
} from "./scripted/TurnSteps.ts"

/**
 * The script that the engine plays, and what the program did with it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Scripted } from "effect-codex/testing"
 *
 * const finished = Effect.gen(function* () {
 *   const scripted = yield* Scripted.Scripted
 *   assert.strictEqual(yield* scripted.remaining, 0)
 * })
 * ```
 */
export class Scripted extends Context.Service<
  Scripted,
  {
    /** Adds steps to the end of the script. */
    readonly play: (steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
    /** The inputs of all turns so far, in order. */
    readonly inputs: Effect.Effect<ReadonlyArray<string>>
    /** Waits until this number of turns has begun, in all threads together. */
    readonly begun: (turns?: number) => Effect.Effect<void>
    /** The number of steps that no turn has taken yet. */
    readonly remaining: Effect.Effect<number>
    /** Sets the answer to `codex.request` for a method. */
    readonly answer: (method: string, answer: (params: unknown) => unknown) => Effect.Effect<void>
    /** Sets the answer to `codex.exec`. */
    readonly exec: (respond: RespondToCommand) => Effect.Effect<void>
    /** The commands that `codex.exec` has started, in order. */
    readonly commands: Effect.Effect<ReadonlyArray<Exec.EngineCommand>>
    /** Connects a program to the engine, until the scope closes. */
    readonly connect: Effect.Effect<Engine.Engine["Service"], never, Scope.Scope>
    /** Ends an engine behind a socket (`layerSocket`) by SIGKILL, and starts it again: the turns that run have no end. */
    readonly crash: Effect.Effect<void>
    /** Sends a notification to `codex.notifications`, outside any turn. The method may be unknown. */
    readonly notify: (method: string, params: unknown) => Effect.Effect<void>
    /** Starts a turn of Codex itself on an open thread, now or after the thread's current turn. */
    readonly startTurn: (
      threadId: ThreadId,
      steps: ReadonlyArray<ScriptedStep>,
      input: string
    ) => Effect.Effect<void>
  }
>()("effect-codex/testing/Scripted") {}

/**
 * Adds steps to the end of the script.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted, TestLayer } from "effect-codex/testing"
 *
 * it.effect("returns the answer", () =>
 *   Effect.gen(function* () {
 *     yield* Scripted.play([Scripted.command("npm test", { exitCode: 1 }), Scripted.message("One test fails.")])
 *     const thread = yield* Codex.use(({ startThread }) => startThread())
 *     assert.strictEqual((yield* thread.run("Run the tests")).message, "One test fails.")
 *   }).pipe(Effect.scoped, Effect.provide(TestLayer))
 * )
 * ```
 */
export const play = (steps: ReadonlyArray<ScriptedStep>): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.play(steps))

/**
 * The inputs of all turns so far, in order.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Scripted } from "effect-codex/testing"
 *
 * const askedTwice = Effect.gen(function* () {
 *   assert.deepStrictEqual(yield* Scripted.inputs, ["Fix T-42", "Run the tests"])
 * })
 * ```
 */
export const inputs: Effect.Effect<ReadonlyArray<string>, never, Scripted> = Scripted.use(
  (scripted) => scripted.inputs
)

/**
 * Waits until this number of turns has begun since the layer was built, in all threads together; default 1. A turn has begun
 * when its first step plays.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect, Fiber } from "effect"
 * import type { Thread } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * const interruptsRunningTurn = (thread: Thread) =>
 *   Effect.gen(function* () {
 *     yield* Scripted.play([Scripted.silence])
 *     const turn = yield* Effect.forkChild(thread.run("Wait"))
 *     yield* Scripted.begun()
 *     yield* Fiber.interrupt(turn)
 *   })
 * ```
 */
export const begun = (turns?: number): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.begun(turns))

/**
 * Sets the answer to `codex.request` for a method. Requests of a method without an answer are rejected.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const loggedIn = Scripted.answer("account/read", () => ({ account: { type: "apiKey" } }))
 * ```
 */
export const answer = (
  method: string,
  answer: (params: unknown) => unknown
): Effect.Effect<void, never, Scripted> => Scripted.use((scripted) => scripted.answer(method, answer))

/**
 * Sets the answer to `codex.exec`: the exit code and the output of each command. Without it commands are rejected.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const onlyNpm = Scripted.exec(({ command }) =>
 *   command[0] === "npm" ? { stdout: "ok\n" } : { exitCode: 127, stderr: "not found\n" }
 * )
 * ```
 */
export const exec = (respond: RespondToCommand): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.exec(respond))

/**
 * The commands that `codex.exec` has started, in order.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Scripted } from "effect-codex/testing"
 *
 * const ranTests = Effect.gen(function* () {
 *   const commands = (yield* Scripted.commands).map(({ command }) => command.join(" "))
 *   assert.deepStrictEqual(commands, ["npm test"])
 * })
 * ```
 */
export const commands: Effect.Effect<ReadonlyArray<Exec.EngineCommand>, never, Scripted> = Scripted.use(
  (scripted) => scripted.commands
)

/**
 * Sends a notification to `codex.notifications`, outside any turn.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const loginEnds = Scripted.notify("warning", { threadId: null, message: "the disk is nearly full" })
 * ```
 */
export const notify = <M extends CodexProtocol.NotificationMethod>(
  method: M,
  params: CodexProtocol.NotificationParams<M>
): Effect.Effect<void, never, Scripted> => Scripted.use((scripted) => scripted.notify(method, params))

/**
 * Has Codex start a turn by itself, which no handle of the thread has requested: for a message that another client has queued,
 * a review or a compaction that a raw `codex.request` has started. The turn plays the given steps, now or after the current
 * turn of the thread, and `thread.activity` has its events. Returns at once. A thread without an open handle is a defect.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * export const reviewedByItself = Effect.gen(function* () {
 *   const codex = yield* Codex
 *   const thread = yield* codex.startThread()
 *   yield* Scripted.startTurn(thread.id, [Scripted.review({ explanation: "fine" })])
 *   yield* Scripted.begun()
 * })
 * ```
 *
 * @since 0.1.0
 * @category scripts
 */
export const startTurn = (
  threadId: string,
  steps: ReadonlyArray<ScriptedStep>,
  options: { readonly input?: string | undefined } = {}
): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.startTurn(ThreadId.make(threadId), steps, options.input ?? ""))

/** @internal Returns the service of an engine. */
export const services = ({
  connect,
  crash,
  ...scripted
}: ScriptedEngine.ScriptedEngine): Scripted["Service"] =>
  Scripted.of({
    ...scripted,
    crash: Effect.sync(crash),
    connect: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => connect()),
        ({ drop }) => Effect.sync(drop)
      ),
      ({ engine }) => engine
    )
  })

/**
 * The engine, and the service that `play` uses. Steps that are left when the layer closes are a defect.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * // Like `TestLayer`, without captured telemetry.
 * const ScriptedCodex = Codex.layer.pipe(Layer.provideMerge(Scripted.layer))
 * ```
 */
export const layer: Layer.Layer<Engine.Engine | Scripted> = Layer.effectContext(
  Effect.map(ScriptedEngine.make(), (engine) =>
    Context.make(Engine.Engine, engine.connect().engine).pipe(Context.add(Scripted, services(engine)))
  )
)

/**
 * The same for a Codex behind a socket: its turns outlive the programs that start them. A handle can `detach`, another program
 * can `attach`, and approvals and tool calls that wait are asked again there. Programs connect with `layerClient`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * // Each program has its own Codex, with its own connection.
 * const Program = Layer.fresh(Codex.layer.pipe(Layer.provide(Scripted.layerClient)))
 *
 * const leaves = Effect.gen(function* () {
 *   yield* Scripted.play([Scripted.delay("1 hour"), Scripted.message("Done.")])
 *   const { startThread } = yield* Codex
 *   const thread = yield* startThread({ onScopeClose: "detach" })
 *   yield* Effect.forkChild(thread.run("Upgrade the dependencies", { key: "upgrade" }))
 *   return thread.id
 * }).pipe(Effect.scoped, Effect.provide(Program))
 * ```
 */
export const layerSocket: Layer.Layer<Scripted> = Layer.effect(
  Scripted,
  Effect.map(ScriptedEngine.make(true), services)
)

/**
 * Connects a program to the scripted Codex. The connection closes with the layer. Use `Layer.fresh` for a second program.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * const Program = Layer.fresh(Codex.layer.pipe(Layer.provide(Scripted.layerClient)))
 * ```
 */
export const layerClient: Layer.Layer<Engine.Engine, never, Scripted> = Layer.effect(
  Engine.Engine,
  Scripted.use(({ connect }) => connect)
)
