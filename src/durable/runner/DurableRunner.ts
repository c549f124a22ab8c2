/** Runs the durable turns of a database: the worker. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as NodeCrypto from "@effect/platform-node-shared/NodeCrypto"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as SingleRunner from "effect/cluster/SingleRunner"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { ApprovalAudit } from "../../approval/ApprovalAudit.ts"
import type * as Policy from "../../approval/Policy.ts"
import { Codex } from "../../Codex.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as Prices from "../../domain/Prices.ts"
import type { StateLocked, StorageUnavailable } from "../../domain/StorageErrors.ts"
import { LeavesTurns } from "../../Thread.ts"
import * as SqliteStore from "../store/SqliteStore.ts"
import { Store } from "../store/Store.ts"
import * as Dispatcher from "./Dispatcher.ts"
import * as DurableTurn from "./DurableTurn.ts"
import * as QueueGauges from "./QueueGauges.ts"
import type { RunnerEvent } from "./RunnerEvent.ts"
import * as EnginePool from "./EnginePool.ts"
import { Engines } from "./Engines.ts"
import type { RunnerThreads } from "./ThreadOpening.ts"
import type * as TurnAttempt from "./TurnAttempt.ts"
import * as TurnExecution from "./TurnExecution.ts"
import * as TurnPlace from "./TurnPlace.ts"
import * as TurnWatch from "./TurnWatch.ts"

export { RunnerEvent } from "./RunnerEvent.ts"

/**
 * Options of a runner.
 * @since 0.1.0
 * @category models
 */
export interface RunnerOptions<
  Tools extends Record<string, Tool.Any> = {},
  ToolServices = never,
  PolicyServices = never
> {
  /** The tools of all threads: a `Toolkit`. Its handlers come from the context of the layer. */
  readonly tools?: Effect.Effect<Toolkit.WithHandler<Tools>, never, ToolServices> | undefined
  /**
   * Decides about each approval request first. A request that it abstains from waits in the database until any process answers.
   * Default: everything waits.
   */
  readonly approvals?: Policy.Policy<PolicyServices> | undefined
  /** How long an approval or a question waits. After that it is declined, also if no runner ran meanwhile. Default: 24 hours. */
  readonly approvalExpiry?: Duration.Input | undefined
  /** How many turns run at the same time. A turn that waits for an approval or an answer does not count. Default: 100. */
  readonly concurrency?: number | undefined
  /**
   * The version of your program, if a turn that one version has started must not be continued by another one: for example
   * because tools have other arguments. Such a turn ends with `IncompatibleJournal`. Default: none, so every version continues.
   */
  readonly programVersion?: string | undefined
  /**
   * How long a runner that stops, or from which a turn moves to another runner, waits for tools that run, before it leaves its
   * turns. Default: 10 seconds.
   */
  readonly drainDeadline?: Duration.Input | undefined
  /**
   * The name of the engine in the database. Runners of one engine must use the same name. Default: the name of this machine.
   * With `Engines.layer`, each engine has its own name, and this one has no effect.
   */
  readonly engine?: string | undefined
  /**
   * When an engine that no runner reaches is lost: its threads then continue on another engine, from their copies in the
   * database. An engine that still runs a turn, although no runner reaches it, runs it a second time, until a runner
   * reaches it again and interrupts it there, so choose a time in which a machine restarts. `Infinity`: never. Default: 2 minutes.
   */
  readonly takeOverAfter?: Duration.Input | undefined
}

/**
 * The services that the tools and the policy of a runner use.
 * @since 0.1.0
 * @category models
 */
export type RunnerServices<Tools extends Record<string, Tool.Any>, ToolServices, PolicyServices> =
  | ToolServices
  | PolicyServices
  | Tool.HandlerServices<Tools[keyof Tools]>

/**
 * A runner of durable turns. It runs from the start of its layer to the end of its scope. Then it leaves its turns: behind a
 * socket they go on in Codex, and the next runner finds them.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Console, Effect, Layer, Stream } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { DurableRunner } from "effect-codex/durable"
 *
 * const Worker = DurableRunner.layerSqlite({ path: "/var/lib/agents/turns.db" }).pipe(
 *   Layer.provide(Codex.layer),
 *   Layer.provide(AppServer.layerSocket({ path: "/run/user/1000/codex.sock" }))
 * )
 * const main = DurableRunner.use(({ events }) =>
 *   Stream.runForEach(events, ({ _tag, key }) => Console.log(`${key}: ${_tag}`))
 * ).pipe(Effect.provide(Worker))
 * ```
 */
export class DurableRunner extends Context.Service<
  DurableRunner,
  {
    /** Identifies the runner in the database: its machine, its process id and a random part. */
    readonly id: string
    /** What happens to its turns, from now on. A slow reader misses the oldest events. */
    readonly events: Stream.Stream<RunnerEvent>
    /** The keys of the turns that it runs. */
    readonly running: Effect.Effect<ReadonlyArray<string>>
    /**
     * Stops this worker: it takes no more turns and hands its running turns over to the next worker. Waits until then, about
     * `drainDeadline` at most.
     */
    readonly drain: Effect.Effect<void>
  }
>()("effect-codex/durable/DurableRunner") {
  /**
   * @internal Runs the turns of a `Store` on any workflow engine. `layerSqlite` is this with an engine in the same file.
   */
  static readonly layer = <
    Tools extends Record<string, Tool.Any> = {},
    ToolServices = never,
    PolicyServices = never
  >(
    options: RunnerOptions<Tools, ToolServices, PolicyServices> = {}
  ): Layer.Layer<
    DurableRunner,
    never,
    Store | Codex | WorkflowEngine.WorkflowEngine | RunnerServices<Tools, ToolServices, PolicyServices>
  > => Layer.unwrap(make(options))

  /**
   * Runs the turns of a SQLite file. Only one runner at a time can have the file: a second one fails with `StateLocked`. Any
   * number of other programs can open it with `Durable.layerSqlite`.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { Approval, AppServer, Codex } from "effect-codex"
   * import { DurableRunner } from "effect-codex/durable"
   *
   * const Worker = DurableRunner.layerSqlite({
   *   path: "/var/lib/agents/turns.db",
   *   approvals: Approval.rules([{ decision: "accept", kind: "command", command: ["npm", "test"] }]),
   *   approvalExpiry: "3 days"
   * }).pipe(
   *   Layer.provide(Codex.layer),
   *   Layer.provide(AppServer.layerSocket({ path: "/run/user/1000/codex.sock" }))
   * )
   * ```
   */
  static readonly layerSqlite = <
    Tools extends Record<string, Tool.Any> = {},
    ToolServices = never,
    PolicyServices = never
  >({
    path,
    ...options
  }: { readonly path: string } & RunnerOptions<Tools, ToolServices, PolicyServices>): Layer.Layer<
    DurableRunner,
    StateLocked | StorageUnavailable,
    Codex | RunnerServices<Tools, ToolServices, PolicyServices>
  > =>
    DurableRunner.layer(options).pipe(
      Layer.provide(layerSingleEngine),
      Layer.provide(SqliteStore.layerRunner({ path }))
    )
}

/** @internal Whether turns can move to this runner from another one that lives, because several share the database. */
export const HasOthers = Context.Reference<boolean>("effect-codex/durable/HasOthers", {
  defaultValue: () => false
})

/** The workflow engine of a database that has one runner. */
const layerSingleEngine = ClusterWorkflowEngine.layer.pipe(
  Layer.provide(SingleRunner.layer({ runnerStorage: "memory" })),
  Layer.provide(NodeCrypto.layerDigest),
  Layer.orDie
)

const make = Effect.fnUntraced(function* <
  Tools extends Record<string, Tool.Any>,
  ToolServices,
  PolicyServices
>({
  approvalExpiry = "24 hours",
  approvals,
  concurrency = 100,
  drainDeadline = "10 seconds",
  engine = hostname(),
  programVersion,
  takeOverAfter = "2 minutes",
  tools
}: RunnerOptions<Tools, ToolServices, PolicyServices>) {
  const store = yield* Store
  const codex = yield* Codex
  const services = yield* Effect.context<PolicyServices>()
  const id = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`
  const events = yield* PubSub.sliding<RunnerEvent>(1024)
  const leaving = yield* Deferred.make<void>()
  const places = TurnPlace.makePlaces(concurrency)
  const watch = yield* TurnWatch.make(store, id)
  const running = new Set<string>()
  /** The turns whose workflows run here. A turn runs or waits for a place. */
  const here = new Set<string>()
  let idle = Deferred.makeUnsafe<void>()

  const toolkit = tools === undefined ? undefined : yield* tools
  const toolServices = yield* Effect.context<Tool.HandlerServices<Tools[keyof Tools]>>()
  const withTools = <A, E>(
    open: (tools: {
      readonly tools?: Toolkit.WithHandler<Tools>
    }) => Effect.Effect<A, E, Scope.Scope | Tool.HandlerServices<Tools[keyof Tools]>>
  ): Effect.Effect<A, E, Scope.Scope> =>
    Effect.updateContext(
      open(toolkit === undefined ? {} : { tools: toolkit }),
      (context: Context.Context<Scope.Scope>) => Context.merge(toolServices, context)
      // Behind a socket a turn goes on when this runner leaves it. Otherwise it ends with Codex, and is recovered.
    ).pipe(Effect.provideService(LeavesTurns, true))

  const threadsOf = (codex: Codex["Service"]): RunnerThreads => ({
    home: codex.home,
    request: codex.request,
    start: (options) => withTools((tools) => codex.startThread<Tools>({ ...options, ...tools })),
    resume: (id, options) => withTools((tools) => codex.resumeThread<Tools>(id, { ...options, ...tools }))
  })
  const engines = Option.match(yield* Effect.serviceOption(Engines), {
    onNone: () => [{ name: engine, codex }],
    onSome: ({ all }) => all
  })
  const pool = yield* EnginePool.make({
    store,
    engines: engines.map(({ codex, name }) => ({ name, threads: threadsOf(codex) })),
    runner: id,
    takeOverAfter: Duration.fromInputUnsafe(takeOverAfter)
  })

  const hasOthers = yield* HasOthers
  const runner: TurnAttempt.RunnerContext = {
    store,
    pool,
    watch,
    runner: id,
    programVersion,
    prices: yield* Prices.Current,
    policy:
      approvals === undefined
        ? undefined
        : (request) =>
            Effect.updateContext(approvals(request), (context: Context.Context<never>) =>
              Context.merge(services, context)
            ),
    audit: Option.getOrUndefined(yield* Effect.serviceOption(ApprovalAudit)),
    expiry: Duration.fromInputUnsafe(approvalExpiry),
    leaving,
    drainDeadline: Duration.fromInputUnsafe(drainDeadline),
    hasOthers,
    patience: hasOthers ? Duration.fromInputUnsafe(drainDeadline) : Duration.zero,
    report: (event) => void PubSub.publishUnsafe(events, event)
  }

  const runOne = (key: string, place: TurnPlace.TurnPlace): Effect.Effect<boolean, StorageUnavailable> =>
    Effect.suspend(() => {
      running.add(key)
      return TurnExecution.run(runner, key, place).pipe(
        Effect.catchDefect((defect) => failDefect(store, key, id, defect)),
        Effect.ensuring(
          Effect.sync(() => {
            running.delete(key)
          })
        )
      )
    })

  /** Leaves a turn that still waits for a place, so that another runner resumes it. */
  const leaveQueued = (key: string) => Effect.as(store.left(key, unclaimedEpoch), false)

  const run = (key: string) =>
    Effect.gen(function* () {
      here.add(key)
      const place = yield* TurnPlace.make(places)
      yield* Effect.raceFirst(place.enter, Deferred.await(leaving))
      return yield* Deferred.isDoneUnsafe(leaving) ? leaveQueued(key) : runOne(key, place)
    }).pipe(
      Effect.scoped,
      Effect.ensuring(
        Effect.sync(() => {
          here.delete(key)
          if (here.size === 0) Deferred.doneUnsafe(idle, Effect.void)
        })
      )
    )
  const drain = Effect.gen(function* () {
    yield* Deferred.succeed(leaving, undefined)
    while (here.size > 0) {
      idle = Deferred.makeUnsafe()
      yield* Deferred.await(idle)
    }
  })
  return Layer.effect(
    DurableRunner,
    Effect.gen(function* () {
      yield* QueueGauges.report(store)
      yield* Dispatcher.run({ store, concurrency, leaving, isHere: (key) => here.has(key) })
      // Before the workflow engine ends, which would interrupt the turns.
      yield* Effect.addFinalizer(() => drain)
      return DurableRunner.of({
        id,
        events: Stream.fromPubSub(events),
        running: Effect.sync(() => [...running]),
        drain
      })
    })
  ).pipe(Layer.provide(DurableTurn.layer(run, leaving)))
})

/** The epoch of a turn that no runner has claimed yet. */
const unclaimedEpoch = 0

/** A bug of a program or of this library must not leave a turn that never ends. */
const failDefect = Effect.fnUntraced(function* (
  store: Store["Service"],
  key: string,
  runner: string,
  defect: unknown
) {
  yield* Effect.logError("a durable turn ended by a defect", defect)
  const row = yield* store.turn(key)
  if (row === undefined) return true
  // Another runner has taken the turn over.
  if (row.endedAt === null && row.runner !== null && row.runner !== runner) return false
  yield* store.finish(key, row.epoch, {
    _tag: "Failed",
    error: new CodexError.TurnFailed({
      reason: "Other",
      detail: `the worker failed: ${defect instanceof Error ? defect.message : String(defect)}`
    })
  })
  yield* store.approvals.end(key)
  return true
})
