/** One engine for the calls of a `Codex`. It starts with a call and ends when no call has run for a while. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Codex } from "../Codex.ts"

/** A running engine with its services. */
export interface LeasedEngine {
  readonly services: Context.Context<Codex>
  /** Closes with the engine. */
  readonly scope: Scope.Closeable
}

/**
 * The process of Codex keeps Node alive, so a script could not end while it runs. The engine therefore ends after
 * `idleMillis` without a call, and the next call starts a new one.
 */
export class EngineLease {
  private readonly layer: Layer.Layer<Codex>
  private readonly idleMillis: number
  private engine: Promise<LeasedEngine> | undefined
  private closing: Promise<void> = Promise.resolve()
  private calls = 0
  private timer: NodeJS.Timeout | undefined

  constructor(layer: Layer.Layer<Codex>, idleMillis: number) {
    this.layer = layer
    this.idleMillis = idleMillis
  }

  /** Returns the engine, which stays open until `release` is called. */
  async acquire(): Promise<{ readonly engine: LeasedEngine; readonly release: () => void }> {
    clearTimeout(this.timer)
    this.calls++
    const release = () => {
      this.calls--
      if (this.calls === 0) this.timer = setTimeout(() => void this.close(), this.idleMillis)
    }
    try {
      return { engine: await (this.engine ??= this.open()), release }
    } catch (error) {
      this.engine = undefined
      release()
      throw error
    }
  }

  /** Runs a call with the engine. */
  async use<A>(call: (engine: LeasedEngine) => Promise<A>): Promise<A> {
    const { engine, release } = await this.acquire()
    try {
      return await call(engine)
    } finally {
      release()
    }
  }

  /** Ends the engine and what runs on it. A later call starts a new one. */
  close(): Promise<void> {
    clearTimeout(this.timer)
    const { engine } = this
    this.engine = undefined
    if (engine !== undefined)
      this.closing = this.closing.then(async () => {
        const { scope } = await engine
        await Effect.runPromise(Scope.close(scope, Exit.void))
      })
    return this.closing
  }

  private async open(): Promise<LeasedEngine> {
    // Two processes must not hold the same threads.
    await this.closing
    const scope = Scope.makeUnsafe()
    return { scope, services: await Effect.runPromise(Layer.buildWithScope(this.layer, scope)) }
  }
}

/**
 * Runs an effect on an engine. Rejects with its typed error. An aborted signal interrupts the effect, and the promise
 * rejects with the reason of the signal after the effect has ended.
 */
export const run = async <A, E>(
  { services }: LeasedEngine,
  effect: Effect.Effect<A, E, Codex>,
  signal?: AbortSignal | undefined
): Promise<A> => {
  signal?.throwIfAborted()
  const exit = await Effect.runPromiseExitWith(services)(effect, signal === undefined ? {} : { signal })
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true) throw signal.reason
  throw Cause.squash(exit.cause)
}
