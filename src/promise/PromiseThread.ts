/** A thread with promises. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codex } from "../Codex.ts"
import * as CodexError from "../domain/CodexError.ts"
import type * as EventJson from "../domain/EventJson.ts"
import type { ThreadId } from "../domain/Ids.ts"
import type * as Review from "../domain/Review.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import type * as Thread from "../Thread.ts"
import * as AbortSignals from "./AbortSignals.ts"
import * as EngineLease from "./EngineLease.ts"
import * as Lines from "./Lines.ts"
import {
  type Input,
  type PromiseThreadOptions,
  type PromiseTurnOptions,
  toInput,
  toThreadOptions,
  toTurnOptions
} from "./PromiseOptions.ts"
import * as PromiseTool from "./PromiseTool.ts"

/**
 * A completed turn. `finalResponse` is the agent's last message; items are those of the events.
 * @since 0.1.0
 * @category models
 */
export interface PromiseTurn<A = undefined> extends Omit<Turn.Turn, "items" | "message"> {
  readonly finalResponse: string
  readonly items: ReadonlyArray<EventJson.ItemLine>
  /** The value of the last message, with the option `output` or `outputSchema`. */
  readonly output: A
}

/**
 * A turn whose events are read while it runs.
 * @since 0.1.0
 * @category models
 */
export interface StreamedTurn {
  /**
   * The events of the turn. The last one is `turn.completed`, `turn.failed` or `turn.interrupted`; after the last two the
   * iteration throws the error of the turn. The turn starts with the iteration, and leaving the iteration interrupts it.
   */
  readonly events: AsyncGenerator<EventJson.EventLine, void, undefined>
}

/** How a thread is opened for the first time. */
export type ThreadOpening =
  | { readonly _tag: "Start" }
  | { readonly _tag: "Resume"; readonly id: ThreadId }
  | { readonly _tag: "ResumeLast" }

interface OpenThread {
  readonly engine: EngineLease.LeasedEngine
  readonly scope: Scope.Closeable
  readonly thread: Promise<Thread.Thread>
}

type TypedOutput<A> = Schema.Codec<A, unknown> | TurnOptions.OutputOptions<A, unknown>

/**
 * A conversation with the agent. Its turns run one after another. It opens with the first call, and again when a later call
 * finds that the process of Codex has ended; an ephemeral thread cannot continue then.
 * @since 0.1.0
 * @category models
 */
export class PromiseThread {
  private readonly lease: EngineLease.EngineLease
  private readonly options: PromiseThreadOptions
  private opening: ThreadOpening
  private open: OpenThread | undefined

  /** Use `Codex.startThread` or `Codex.resumeThread`. */
  constructor(lease: EngineLease.EngineLease, opening: ThreadOpening, options: PromiseThreadOptions) {
    this.lease = lease
    this.opening = opening
    this.options = options
  }

  /** The id of the thread; null before the first turn of a new thread. */
  get id(): string | null {
    return this.opening._tag === "Resume" ? this.opening.id : null
  }

  /** Runs a turn and returns it when it has completed. Rejects with a `TurnError`, or with the reason of the signal. */
  run<A>(
    input: Input,
    options: PromiseTurnOptions & { readonly output: TypedOutput<A> }
  ): Promise<PromiseTurn<A>>
  run(
    input: Input,
    options: PromiseTurnOptions & { readonly outputSchema: unknown }
  ): Promise<PromiseTurn<unknown>>
  run(input: Input, options?: PromiseTurnOptions): Promise<PromiseTurn>
  async run(input: Input, options: PromiseTurnOptions = {}): Promise<PromiseTurn<unknown>> {
    const converted = toInput(input)
    const turnOptions = toTurnOptions(options)
    return this.call(
      (thread) =>
        thread.run(converted, turnOptions).pipe(
          Effect.onExit((exit) => Effect.sync(() => this.recordTurn(thread, exit))),
          Effect.map(toTurn)
        ),
      options.signal
    )
  }

  /** Starts a turn whose events are read while it runs. */
  async runStreamed(input: Input, options: PromiseTurnOptions = {}): Promise<StreamedTurn> {
    return { events: this.events(toInput(input), toTurnOptions(options), options.signal) }
  }

  /** Reviews code and returns typed findings. */
  review(
    target: Review.ReviewTarget,
    options: Pick<PromiseTurnOptions, "budget" | "retry" | "signal" | "timeoutMillis"> = {}
  ): Promise<Review.Review> {
    const { budget, retry, signal, timeoutMillis: timeout } = options
    return this.call(
      (thread) => Effect.map(thread.review({ target, budget, retry, timeout }), (turn) => turn.review),
      signal
    )
  }

  /** Adds a message to the running turn. */
  steer(input: Input): Promise<void> {
    const converted = toInput(input)
    return this.call((thread) => thread.steer(converted))
  }

  /** Interrupts the running turn, whose promise rejects with `TurnInterrupted`. */
  interrupt(): Promise<void> {
    return this.call((thread) => thread.interrupt)
  }

  /** Summarises the conversation so far, which frees context. */
  compact(): Promise<void> {
    return this.call((thread) => Effect.asVoid(thread.compact()))
  }

  /** Closes the thread and interrupts its turns. A later call opens it again. */
  async close(): Promise<void> {
    const { open } = this
    this.open = undefined
    if (open !== undefined) await Effect.runPromise(Scope.close(open.scope, Exit.void))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async call<A, E>(
    body: (thread: Thread.Thread) => Effect.Effect<A, E, Codex>,
    signal?: AbortSignal | undefined
  ): Promise<A> {
    signal?.throwIfAborted()
    return this.lease.use(async (engine) => {
      const thread = await AbortSignals.unlessAborted(this.opened(engine), signal)
      return EngineLease.run(engine, body(thread), signal)
    })
  }

  private async *events(
    input: TurnOptions.TurnInput,
    options: TurnOptions.TurnOptions,
    signal: AbortSignal | undefined
  ): AsyncGenerator<EventJson.EventLine, void, undefined> {
    signal?.throwIfAborted()
    const { engine, release } = await this.lease.acquire()
    try {
      const thread = await AbortSignals.unlessAborted(this.opened(engine), signal)
      const ids = { threadId: thread.id, turnId: undefined as string | undefined }
      const events = AbortSignals.untilAborted(thread.stream(input, options), signal)
      try {
        for await (const event of Stream.toAsyncIterableWith(events, engine.services)) {
          if (event._tag === "TurnStarted") {
            ids.turnId = event.turnId
            this.opening = { _tag: "Resume", id: thread.id }
          }
          yield event._tag === "TurnCompleted" ? Lines.last(event.turn, undefined, ids) : Lines.event(event)
        }
      } catch (error) {
        if (error instanceof AbortSignals.Aborted) {
          yield Lines.last(undefined, "interrupted", ids)
          throw signal?.reason
        }
        if (CodexError.isCodexError(error))
          yield Lines.last("turn" in error ? error.turn : undefined, error, ids)
        throw error
      }
    } finally {
      release()
    }
  }

  /** Codex has stored the thread once a turn has started. A later call then resumes it. */
  private recordTurn(thread: Thread.Thread, exit: Exit.Exit<unknown, CodexError.TurnError>): void {
    const error = Option.getOrUndefined(Exit.findErrorOption(exit))
    if (error === undefined || (error.turn !== undefined && error.turn.id !== ""))
      this.opening = { _tag: "Resume", id: thread.id }
  }

  private opened(engine: EngineLease.LeasedEngine): Promise<Thread.Thread> {
    if (this.open?.engine !== engine) {
      const scope = Scope.forkUnsafe(engine.scope)
      const thread = EngineLease.run(engine, Scope.provide(this.openThread(), scope))
      this.open = { engine, scope, thread }
      thread.catch(() => {
        // The caller gets the error. The next call tries again.
        if (this.open?.thread === thread) this.open = undefined
      })
    }
    return this.open.thread
  }

  private openThread() {
    const options = toThreadOptions(this.options)
    const { opening } = this
    const tools = this.options.tools ?? []
    return Effect.gen({ self: this }, function* () {
      const codex = yield* Codex
      const { services, toolkit } = yield* PromiseTool.toToolkit(tools)
      const all = { ...options, tools: toolkit }
      const opened =
        opening._tag === "Start"
          ? codex.startThread(all)
          : opening._tag === "Resume"
            ? codex.resumeThread(opening.id, all)
            : codex.resumeLast(all)
      const thread = yield* Effect.provideContext(opened, services)
      return thread
    })
  }
}

/** Converts a turn. */
const toTurn = (turn: Turn.Turn & { readonly output?: unknown }): PromiseTurn<unknown> => {
  const { items, message, output, ...rest } = turn
  return { ...rest, finalResponse: message, items: items.map(Lines.item), output }
}
