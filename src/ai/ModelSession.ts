/** A turn that runs for a language model. It has one or more responses, and each ends with tool calls or with the turn. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tool from "effect/ai/Tool"
import type * as Response from "effect/ai/Response"
import { randomUUID } from "node:crypto"
import type { Codex, ThreadOptions } from "../Codex.ts"
import * as CodexError from "../domain/CodexError.ts"
import * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as StructuredOutput from "../turn/StructuredOutput.ts"
import * as PendingTools from "./PendingTools.ts"
import type { ConvertedPrompt } from "./PromptConversion.ts"
import * as ResponseParts from "./ResponseParts.ts"
import * as StepBoundary from "./StepBoundary.ts"

/** What a turn starts with. A follow-up prompt continues the turn only if it has the same. */
export interface SessionSpec {
  readonly thread: ThreadOptions
  readonly turn: Omit<TurnOptions.TurnOptions, "output">
  readonly tools: ReadonlyArray<Tool.Any>
  readonly outputSchema: Readonly<Record<string, unknown>> | undefined
}

type Message =
  | { readonly _tag: "Event"; readonly event: Turn.TurnEvent }
  | { readonly _tag: "Call"; readonly call: PendingTools.PendingCall }

/** How a response ended: with calls that wait for results, by the ids that the caller knows, or with the turn. */
export type ResponseEnd =
  | { readonly _tag: "Calls"; readonly calls: ReadonlyMap<string, PendingTools.PendingCall> }
  | { readonly _tag: "Completed" }

export interface ModelSession {
  readonly threadId: () => string
  readonly turnId: () => string | undefined
  /** Whether the turn has not ended. It may end while it waits: by its timeout, or with Codex's process. */
  readonly isRunning: () => boolean
  /** The parts of the next response. `onEnd` runs before the last part. */
  readonly respond: (
    onEnd: (end: ResponseEnd) => Effect.Effect<void>
  ) => Stream.Stream<Response.StreamPartEncoded, CodexError.TurnError>
  /** Adds input of the user to the running turn. */
  readonly steer: (input: TurnOptions.TurnInput) => Effect.Effect<void, CodexError.TurnError>
  /** Runs before the results of all calls are delivered. */
  readonly answered: () => void
  /** Ends the turn and its thread. */
  readonly close: Effect.Effect<void>
}

/** How many parts of a response wait for a slow consumer. If more come, the turn's own bounded buffer keeps them. */
const capacity = 256

/** Starts a thread and its turn. Both end with `close`, or with the scope `owner`. */
export const open = Effect.fnUntraced(function* (
  codex: Codex["Service"],
  owner: Scope.Scope,
  spec: SessionSpec,
  { history, input, instructions }: Pick<ConvertedPrompt, "history" | "input" | "instructions">
): Effect.fn.Return<ModelSession, CodexError.TurnError> {
  const scope = yield* Scope.fork(owner)
  const close = Scope.close(scope, Exit.void)
  return yield* Effect.onError(
    start(codex, scope, close, spec, { history, input, instructions }),
    () => close
  )
})

const start = Effect.fnUntraced(function* (
  codex: Codex["Service"],
  scope: Scope.Closeable,
  close: Effect.Effect<void>,
  spec: SessionSpec,
  { history, input, instructions }: Pick<ConvertedPrompt, "history" | "input" | "instructions">
): Effect.fn.Return<ModelSession, CodexError.TurnError> {
  const messages = yield* Queue.bounded<Message, CodexError.TurnError | Cause.Done>(capacity)
  const waiting = new Set<PendingTools.PendingCall>()
  const names = new Set(spec.tools.map(({ name }) => name))
  const toolkit = PendingTools.make(
    spec.tools,
    (call) => {
      waiting.add(call)
      return Effect.asVoid(Queue.offer(messages, { _tag: "Call", call }))
    },
    (call) => void waiting.delete(call)
  )
  const thread = yield* codex
    .startThread({
      ...spec.thread,
      ephemeral: true,
      ...(instructions === undefined ? {} : { instructions }),
      ...(spec.tools.length === 0 ? {} : { tools: toolkit })
    })
    .pipe(PendingTools.withoutLimits, Scope.provide(scope))
  // A thread that Codex loses before its first turn starts again, with another id and without its history.
  let threadId = thread.id
  if (history.length > 0) yield* codex.request("thread/inject_items", { threadId, items: history })

  const { outputSchema } = spec
  let running = true
  yield* thread
    .stream(input, {
      ...spec.turn,
      ...(outputSchema === undefined ? {} : { output: { jsonSchema: outputSchema } })
    })
    .pipe(
      Stream.runForEach((event) => Queue.offer(messages, { _tag: "Event", event })),
      Effect.ensuring(Effect.sync(() => void (running = false))),
      Effect.onExit((exit) =>
        Exit.isSuccess(exit) ? Queue.end(messages) : Queue.failCause(messages, exit.cause)
      ),
      Effect.forkIn(scope)
    )

  let boundary = StepBoundary.initial
  let turnId: string | undefined
  let reported = Turn.noUsage
  let lastAt = 0
  let isLost = false

  const metadata = () => ({ threadId, ...(turnId === undefined ? {} : { turnId }) })

  const respond: ModelSession["respond"] = (onEnd) => {
    const parts = ResponseParts.make(outputSchema !== undefined)
    let usage = Turn.noUsage
    let isExact = false
    let responseId: string | undefined
    let begun = false
    let ended = false

    const begin = (at: number): ReadonlyArray<Response.StreamPartEncoded> => {
      if (begun) return []
      begun = true
      return [
        {
          type: "response-metadata",
          id: turnId,
          modelId: thread.model,
          timestamp: new Date(at).toISOString(),
          metadata: { codex: metadata() }
        }
      ]
    }

    const finish = (reason: "stop" | "tool-calls", used: Turn.Usage): Response.StreamPartEncoded => {
      reported = ResponseParts.addUsage(reported, used)
      return {
        type: "finish",
        reason,
        usage: ResponseParts.toUsage(used),
        response: undefined,
        metadata: { codex: { ...metadata(), ...(responseId === undefined ? {} : { responseId }) } }
      }
    }

    const onMessage = (message: Message): ReadonlyArray<Response.StreamPartEncoded> => {
      if (message._tag === "Call") {
        const { callId } = message.call
        boundary = StepBoundary.step(boundary, { _tag: "CallArrived", callId }, names)
        return []
      }
      const { event } = message
      lastAt = event.at
      boundary = StepBoundary.step(boundary, event, names)
      switch (event._tag) {
        case "TurnStarted":
          isLost = event.threadId !== threadId && history.length > 0
          threadId = event.threadId
          turnId = event.turnId
          return begin(event.at)
        case "ModelResponded":
          responseId = event.responseId
          if (event.usage !== undefined) {
            usage = ResponseParts.addUsage(isExact ? usage : Turn.noUsage, event.usage)
            isExact = true
          }
          return []
        case "UsageUpdated":
          if (!isExact) usage = ResponseParts.addUsage(usage, event.usage)
          return []
        case "TurnCompleted": {
          ended = true
          const { turn } = event
          return [
            ...begin(event.at),
            ...parts.close(),
            ...(outputSchema === undefined ? [] : objectText(turn.message)),
            finish("stop", ResponseParts.addUsage(turn.usage, reported, -1))
          ]
        }
        default:
          return [...begin(event.at), ...parts.onEvent(event)]
      }
    }

    const callParts = (calls: ReadonlyMap<string, PendingTools.PendingCall>) =>
      [...calls].flatMap(([id, { callId, name, params }]): ReadonlyArray<Response.StreamPartEncoded> => [
        { type: "tool-params-start", id, name, providerExecuted: false },
        { type: "tool-params-delta", id, delta: JSON.stringify(params) ?? "null" },
        { type: "tool-params-end", id },
        {
          type: "tool-call",
          id,
          name,
          params,
          providerExecuted: false,
          metadata: { codex: { ...metadata(), callId } }
        }
      ])

    const take: Pull.Pull<
      Arr.NonEmptyReadonlyArray<Response.StreamPartEncoded>,
      CodexError.TurnError
    > = Effect.suspend(() => {
      if (ended) return Cause.done()
      return Effect.flatMap(Queue.take(messages), (message) => {
        const found = onMessage(message)
        if (isLost) return Effect.fail(new CodexError.EngineExited({ stderr: "" }))
        if (ended && Arr.isReadonlyArrayNonEmpty(found)) return Effect.as(onEnd({ _tag: "Completed" }), found)
        if (!StepBoundary.isComplete(boundary))
          return Arr.isReadonlyArrayNonEmpty(found) ? Effect.succeed(found) : take
        ended = true
        const calls = new Map(
          StepBoundary.sort(boundary, waiting).map((call) => [`call_${randomUUID()}`, call] as const)
        )
        const before = [...begin(lastAt), ...found, ...parts.close(), ...callParts(calls)]
        return Effect.as(onEnd({ _tag: "Calls", calls }), Arr.append(before, finish("tool-calls", usage)))
      })
    })
    return Stream.fromPull(Effect.succeed(take))
  }

  return {
    threadId: () => threadId,
    turnId: () => turnId,
    isRunning: () => running,
    respond,
    steer: (input) => thread.steer(input),
    answered: () => {
      boundary = StepBoundary.answered(boundary)
    },
    close
  }
})

const objectText = (message: string): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id: "object" },
  { type: "text-delta", id: "object", delta: StructuredOutput.withoutFence(message) },
  { type: "text-end", id: "object" }
]
