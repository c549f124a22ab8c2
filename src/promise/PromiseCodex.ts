/** Codex with promises, async iterators and abort signals, for scripts and for users of `@openai/codex-sdk`. */
import * as Layer from "effect/Layer"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as Approval from "../Approval.ts"
import { Codex } from "../Codex.ts"
import { ThreadId } from "../domain/Ids.ts"
import type * as ThreadInfo from "../domain/ThreadInfo.ts"
import * as AppServer from "../engine/AppServer.ts"
import { OtlpLayer } from "../telemetry/Otlp.ts"
import * as EngineLease from "./EngineLease.ts"
import { type CodexOptions, type PromiseThreadOptions, toEngineOptions, toPolicy } from "./PromiseOptions.ts"
import { type ThreadOpening, PromiseThread } from "./PromiseThread.ts"

const defaultIdleMillis = 500

/**
 * Runs Codex. One process serves all threads; it starts with the first call and ends when no call has run for
 * `idleMillis`, or with `close`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Codex } from "effect-codex/promise"
 *
 * const codex = new Codex()
 * const thread = codex.startThread({ workingDirectory: ".", sandboxMode: "read-only" })
 * const turn = await thread.run("What does this project do?")
 * console.log(turn.finalResponse)
 * ```
 */
export class PromiseCodex {
  private readonly lease: EngineLease.EngineLease

  constructor(options: CodexOptions = {}) {
    this.lease = new EngineLease.EngineLease(
      Codex.layer.pipe(
        Layer.provide(AppServer.layerOptions(toEngineOptions(options))),
        Layer.provideMerge(Approval.layer(toPolicy(options.approve))),
        Layer.provideMerge(options.telemetry ?? OtlpLayer),
        // A script may print its result on stdout.
        Layer.provideMerge(Layer.succeed(Logger.LogToStderr, true))
      ),
      options.idleMillis ?? defaultIdleMillis
    )
  }

  /** Returns a new conversation. Codex starts it with its first turn. */
  startThread(options: PromiseThreadOptions = {}): PromiseThread {
    return this.thread({ _tag: "Start" }, options)
  }

  /** Returns a stored conversation, also one of an earlier process. Give its tools again: Codex does not store them. */
  resumeThread(id: string, options: PromiseThreadOptions = {}): PromiseThread {
    return this.thread({ _tag: "Resume", id: ThreadId.make(id) }, options)
  }

  /** Returns the most recently used conversation of the working directory. */
  resumeLast(options: PromiseThreadOptions = {}): PromiseThread {
    return this.thread({ _tag: "ResumeLast" }, options)
  }

  /** Lists the stored conversations, newest first. */
  async *listThreads(filter?: ThreadInfo.Filter): AsyncGenerator<ThreadInfo.ThreadInfo, void, undefined> {
    const { engine, release } = await this.lease.acquire()
    try {
      const threads = Stream.unwrap(Effect.map(Codex, (codex) => codex.listThreads(filter)))
      yield* Stream.toAsyncIterableWith(threads, engine.services)
    } finally {
      release()
    }
  }

  /**
   * Runs an effect with the Effect service `Codex`, for everything that has no method here.
   *
   * ```ts
   * const models = await codex.use((service) => Stream.runCollect(service.listModels))
   * ```
   */
  use<A, E>(
    body: (codex: Codex["Service"]) => Effect.Effect<A, E>,
    options: { readonly signal?: AbortSignal | undefined } = {}
  ): Promise<A> {
    return this.lease.use((engine) => EngineLease.run(engine, Effect.flatMap(Codex, body), options.signal))
  }

  /** Ends the process of Codex and all turns. A later call starts a new one. */
  close(): Promise<void> {
    return this.lease.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private thread(opening: ThreadOpening, options: PromiseThreadOptions): PromiseThread {
    return new PromiseThread(this.lease, opening, options)
  }
}
