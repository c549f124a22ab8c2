/** The turns of language models: turns that run, and turns that wait for the results of tools. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Codex } from "../Codex.ts"
import type * as CodexError from "../domain/CodexError.ts"
import * as AiErrors from "./AiErrors.ts"
import * as PendingTools from "./PendingTools.ts"
import * as PromptConversion from "./PromptConversion.ts"
import * as ModelSession from "./ModelSession.ts"

/**
 * Options for {@link CodexSessions.layerOptions}.
 * @since 0.1.0
 * @category options
 */
export interface CodexSessionsOptions {
  /**
   * How long a turn waits for the results of its tool calls. Then the turn is interrupted, and a prompt with the results
   * starts a new thread with the whole conversation. Default: 5 minutes.
   */
  readonly resultTimeout?: Duration.Input | undefined
  /** Maximum number of turns that wait for results. Beyond it, the one that waits longest is interrupted. Default: 100. */
  readonly maxWaiting?: number | undefined
}

/** What a language model asks for. */
export interface SessionRequest {
  readonly method: AiErrors.ModelMethod
  readonly prompt: Prompt.Prompt
  readonly spec: ModelSession.SessionSpec
  /** Whether the response must have a tool call. */
  readonly requiresCall: boolean
  /** Runs when it is known which thread and turn answer. */
  readonly onTurn: (threadId: string, turnId: string | undefined) => void
}

interface WaitingTurn {
  readonly session: ModelSession.ModelSession
  readonly fingerprint: string
  readonly calls: ReadonlyMap<string, PendingTools.PendingCall>
  readonly timer: Fiber.Fiber<void>
}

/**
 * Runs the turns of language models. It keeps a turn that waits for the results of tools, so that the follow-up prompt
 * continues the turn. It is for `CodexLanguageModel` what an API client is for other providers: build it once, because it
 * outlives the layers of models. Its turns end with its scope.
 *
 * Each prompt runs on an ephemeral thread, which Codex does not store.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { CodexSessions } from "effect-codex/ai"
 *
 * export const CodexClient = CodexSessions.layer.pipe(
 *   Layer.provide(Codex.layer),
 *   Layer.provide(AppServer.layer)
 * )
 * ```
 */
export class CodexSessions extends Context.Service<
  CodexSessions,
  {
    /** The number of turns that wait for the results of tools. */
    readonly waiting: Effect.Effect<number>
    /** @internal Runs a response, on the turn whose calls the prompt answers or on a new thread. */
    readonly respond: (request: SessionRequest) => Stream.Stream<Response.StreamPartEncoded, AiError.AiError>
    /** @internal An empty directory of this process, for models without the option `cwd`. */
    readonly directory: Effect.Effect<string>
  }
>()("effect-codex/ai/CodexSessions") {
  /**
   * Keeps turns with these options.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { AppServer, Codex } from "effect-codex"
   * import { CodexSessions } from "effect-codex/ai"
   *
   * export const CodexClient = CodexSessions.layerOptions({ resultTimeout: "1 minute" }).pipe(
   *   Layer.provide(Codex.layer),
   *   Layer.provide(AppServer.layer)
   * )
   * ```
   */
  static readonly layerOptions = (options: CodexSessionsOptions): Layer.Layer<CodexSessions, never, Codex> =>
    Layer.effect(
      CodexSessions,
      Effect.suspend(() => make(options))
    )

  /**
   * Keeps at most 100 turns, each for at most 5 minutes.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { AppServer, Codex } from "effect-codex"
   * import { CodexSessions } from "effect-codex/ai"
   *
   * export const CodexClient = CodexSessions.layer.pipe(
   *   Layer.provide(Codex.layer),
   *   Layer.provide(AppServer.layer)
   * )
   * ```
   */
  static readonly layer: Layer.Layer<CodexSessions, never, Codex> = CodexSessions.layerOptions({})
}

/** What a running turn cannot change. Budgets and timeouts of a follow-up prompt do not end the turn that it continues. */
const fingerprintOf = ({ outputSchema, thread, tools }: ModelSession.SessionSpec): string =>
  JSON.stringify([thread, tools.map(PendingTools.define), outputSchema])

const make = Effect.fnUntraced(function* (options: CodexSessionsOptions) {
  const codex = yield* Codex
  const scope = yield* Effect.scope
  const resultTimeout = Duration.fromInputUnsafe(options.resultTimeout ?? "5 minutes")
  const maxWaiting = options.maxWaiting ?? 100
  // In the order in which the turns began to wait.
  const waiting = new Set<WaitingTurn>()
  const byCall = new Map<string, WaitingTurn>()

  const directory = yield* Effect.cached(
    Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "effect-codex-model-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    ).pipe(Scope.provide(scope))
  )

  /** Takes a turn out of the registry. Only one caller gets it. */
  const take = (turn: WaitingTurn): boolean => {
    for (const id of turn.calls.keys()) byCall.delete(id)
    return waiting.delete(turn)
  }

  const expire = (turn: WaitingTurn): Effect.Effect<void> =>
    Effect.suspend(() => (take(turn) ? turn.session.close : Effect.void))

  const wait = Effect.fnUntraced(function* (
    session: ModelSession.ModelSession,
    fingerprint: string,
    calls: WaitingTurn["calls"]
  ) {
    const timer = yield* Effect.sleep(resultTimeout).pipe(
      Effect.andThen(Effect.suspend(() => expire(turn))),
      Effect.forkIn(scope)
    )
    const turn: WaitingTurn = { session, fingerprint, calls, timer }
    waiting.add(turn)
    for (const id of calls.keys()) byCall.set(id, turn)
    const [oldest] = waiting
    if (waiting.size > maxWaiting && oldest !== undefined) {
      yield* Fiber.interrupt(oldest.timer)
      yield* expire(oldest)
    }
  })

  /** Takes the turns out of the registry whose calls a prompt answers, all of them. */
  const takeAnswered = ({ results }: PromptConversion.ConvertedPrompt): ReadonlyArray<WaitingTurn> => {
    const turns = new Set([...results.keys()].flatMap((id) => byCall.get(id) ?? []))
    return [...turns].filter((turn) => [...turn.calls.keys()].every((id) => results.has(id)) && take(turn))
  }

  /** Continues the turn that a prompt answers, or starts another one. A turn that cannot go on with the prompt ends. */
  const acquire = Effect.fnUntraced(function* (
    { requiresCall, spec }: SessionRequest,
    prompt: PromptConversion.ConvertedPrompt,
    fingerprint: string
  ) {
    const answered = takeAnswered(prompt)
    const [turn, ...others] = answered
    if (
      turn !== undefined &&
      others.length === 0 &&
      prompt.isFollowUp &&
      turn.fingerprint === fingerprint &&
      turn.session.isRunning()
    )
      return yield* Effect.onError(resume(turn, prompt), () => turn.session.close)
    for (const { session, timer } of answered) {
      yield* Fiber.interrupt(timer)
      yield* session.close
    }
    return yield* ModelSession.open(codex, scope, spec, withRequirement(prompt, requiresCall))
  })

  const resume = Effect.fnUntraced(function* (
    turn: WaitingTurn,
    { input, results }: PromptConversion.ConvertedPrompt
  ): Effect.fn.Return<ModelSession.ModelSession, CodexError.TurnError> {
    const { calls, session, timer } = turn
    yield* Fiber.interrupt(timer)
    if (input.length > 0) yield* session.steer(input)
    session.answered()
    for (const [id, call] of calls) {
      const result = results.get(id)
      if (result !== undefined) yield* PendingTools.deliver(call, result)
    }
    return session
  })

  const respond = (request: SessionRequest) => {
    const { method, onTurn, requiresCall, spec } = request
    const failed = AiErrors.fromCodexError(method)
    return Stream.unwrap(
      Effect.gen(function* () {
        const prompt = yield* Effect.mapError(
          Effect.fromResult(PromptConversion.convert(request.prompt)),
          (reason) => AiErrors.make(method, reason)
        )
        const fingerprint = fingerprintOf(spec)
        let isWaiting = false
        // A response that ends otherwise than with calls ends its turn.
        const session = yield* Effect.acquireRelease(
          acquire(request, prompt, fingerprint),
          (session) => Effect.suspend(() => (isWaiting ? Effect.void : session.close)),
          { interruptible: true }
        ).pipe(Effect.mapError(failed))
        return session
          .respond((end) => {
            onTurn(session.threadId(), session.turnId())
            if (end._tag === "Completed") return Effect.void
            isWaiting = true
            return wait(session, fingerprint, end.calls)
          })
          .pipe(
            Stream.mapError(failed),
            requiresCall ? Stream.mapEffect((part) => checkCall(method, part)) : (stream) => stream
          )
      })
    )
  }

  return CodexSessions.of({
    waiting: Effect.sync(() => waiting.size),
    directory,
    respond
  })
})

/** Codex cannot force a call. The instructions therefore ask the model for one, and a response without a call fails. */
const withRequirement = (
  prompt: PromptConversion.ConvertedPrompt,
  requiresCall: boolean
): PromptConversion.ConvertedPrompt =>
  requiresCall
    ? { ...prompt, history: [...prompt.history, PromptConversion.developerMessage(requirement)] }
    : prompt

const requirement = "Call at least one of the given functions before you answer."

const checkCall = (method: AiErrors.ModelMethod, part: Response.StreamPartEncoded) =>
  part.type === "finish" && part.reason !== "tool-calls"
    ? Effect.fail(
        AiErrors.make(
          method,
          new AiError.InvalidOutputError({
            description: "the option toolChoice requires a tool call, and the model answered without one"
          })
        )
      )
    : Effect.succeed(part)
