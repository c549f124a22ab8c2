/** The engines of a worker that drives more than one. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Codex } from "../../Codex.ts"
import type * as Engine from "../../engine/Engine.ts"

/**
 * One of the engines of a worker.
 * @since 0.1.0
 * @category options
 */
export interface EngineOptions<E = never, R = never> {
  /**
   * The name of the engine in the database. It must be the same in every worker that drives the engine, and after a restart,
   * because it says where a thread is.
   */
  readonly name: string
  /** The engine: `AppServer.layerSocket`, or `EngineHost.layer`. */
  readonly engine: Layer.Layer<Engine.Engine, E, R>
}

/**
 * The engines of a worker. A thread stays on the engine that has it. A new thread starts on the engine that the worker
 * reaches and that has the fewest running threads.
 *
 * The threads of an engine that no worker reaches wait for it. After `takeOverAfter` they continue on another engine of the
 * worker, from their copies in the database. Threads of the other engines do not wait.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer } from "effect-codex"
 * import { DurableRunner, Engines } from "effect-codex/durable"
 *
 * const Worker = DurableRunner.layerSqlite({ path: "/var/lib/agents/turns.db" }).pipe(
 *   Layer.provide(
 *     Engines.layer([
 *       { name: "one", engine: AppServer.layerSocket({ path: "/run/codex/one.sock" }) },
 *       { name: "two", engine: AppServer.layerSocket({ path: "/run/codex/two.sock" }) }
 *     ])
 *   )
 * )
 * ```
 */
export class Engines extends Context.Service<
  Engines,
  {
    /** `Codex` on each engine. */
    readonly all: ReadonlyArray<{ readonly name: string; readonly codex: Codex["Service"] }>
  }
>()("effect-codex/durable/Engines") {
  /**
   * Provides the engines of a worker, in the place of `Codex.layer`. It also provides `Codex`, on the first engine. Dies if
   * there is no engine, or if two have the same name.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { AppServer } from "effect-codex"
   * import { Engines } from "effect-codex/durable"
   *
   * const paths = ["/run/codex/one.sock", "/run/codex/two.sock"]
   * const SomeEngines = Engines.layer(paths.map((path) => ({ name: path, engine: AppServer.layerSocket({ path }) })))
   * ```
   */
  static readonly layer = <E = never, R = never>(
    engines: ReadonlyArray<EngineOptions<E, R>>
  ): Layer.Layer<Engines | Codex, E, R> =>
    Layer.effectContext(
      Effect.gen(function* () {
        const [first, ...others] = yield* Effect.forEach(engines, open)
        if (first === undefined) return yield* Effect.die(new Error("Engines.layer needs an engine"))
        const all = [first, ...others]
        const twice = all.find(({ name }, index) => all.findIndex((other) => other.name === name) < index)
        if (twice !== undefined)
          return yield* Effect.die(new Error(`Engines.layer has two engines with the name "${twice.name}"`))
        return Context.make(Engines, { all }).pipe(Context.add(Codex, first.codex))
      })
    )
}

/** Opens an engine. It is fresh, because the same layer would give each engine the `Codex` of the first one. */
const open = <E, R>({
  engine,
  name
}: EngineOptions<E, R>): Effect.Effect<
  { readonly name: string; readonly codex: Codex["Service"] },
  E,
  R | Scope.Scope
> =>
  Effect.map(Layer.build(Layer.fresh(Layer.provide(Codex.layer, engine))), (context) => ({
    name,
    codex: Context.get(context, Codex)
  }))
