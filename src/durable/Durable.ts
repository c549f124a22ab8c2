/** The client of durable turns: it submits, watches and answers, and needs no engine. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import type { Budget } from "../domain/Budget.ts"
import type { CodexError } from "../domain/CodexError.ts"
import { InvalidRequest } from "../domain/EngineErrors.ts"
import type { EventLine } from "../domain/EventLine.ts"
import * as SettingsOptions from "../domain/SettingsOptions.ts"
import type { KeyReused, StorageUnavailable } from "../domain/StorageErrors.ts"
import type { Turn } from "../domain/Turn.ts"
import { TurnInterrupted } from "../domain/TurnErrors.ts"
import * as DurableTelemetry from "../instrumentation/DurableTelemetry.ts"
import * as Sampling from "../instrumentation/Sampling.ts"
import * as UserHash from "../instrumentation/UserHash.ts"
import { attribute } from "../semconv/Convention.ts"
import * as ClientApprovals from "./ClientApprovals.ts"
import {
  DurableInput,
  DurableThreadOptions,
  millisOf,
  type Recovery,
  type StoredTurnOptions
} from "./DurableInput.ts"
import { type CrashStep, type CrashTarget, DurableCrash } from "./DurableCrash.ts"
import { type DurableTurnRecord, turnRecord } from "./DurableRecords.ts"
import type { ChangeFeed } from "./store/ChangeFeed.ts"
import type { Pruned, RetentionPolicy } from "./store/Pruning.ts"
import type { DurableTurnStatus } from "./store/Rows.ts"
import * as SqliteStore from "./store/SqliteStore.ts"
import * as Store from "./store/Store.ts"
import { watch } from "./WatchTurn.ts"

/**
 * Options of a submission: the options of the thread, and those of the turn.
 * @since 0.1.0
 * @category models
 */
export interface SubmitOptions extends DurableThreadOptions {
  /** Identifies the turn for ever: the same submission again finds the first turn. Up to 200 characters. */
  readonly key: string
  /** The id of a durable thread, new or not, that the application chooses. Default: a new thread with a generated id. */
  readonly thread?: string | undefined
  /** The maximum duration of the turn while a runner has it, not of its wait in the queue. Default: that of the runner. */
  readonly timeout?: Duration.Input | undefined
  /** The limit for the turn. */
  readonly budget?: Budget | undefined
  /** What happens if the engine dies while it runs the turn. Default: that of the runner. */
  readonly recovery?: Recovery | undefined
  /** The user that the thread works for. Only its hash is stored, and nothing without `CODEX_OTEL_USER_HASH_KEY`. */
  readonly user?: string | undefined
  /** The team that the thread works for, for telemetry. */
  readonly team?: string | undefined
}

/**
 * A filter of turns. A turn must match all fields that are given. The list begins with the newest turn.
 * @since 0.1.0
 * @category models
 */
export interface DurableTurnFilter {
  readonly thread?: string | undefined
  readonly status?: ReadonlyArray<DurableTurnStatus> | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
}

/**
 * Submits turns to a database, and observes them there. A runner, in this process or another, runs them.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Durable } from "effect-codex/durable"
 *
 * const program = Effect.gen(function* () {
 *   const durable = yield* Durable
 *   yield* durable.submit("Fix the build", { key: "build-1842", cwd: "/srv/app", sandbox: "workspace-write" })
 *   const turn = yield* durable.await("build-1842")
 *   yield* Effect.log(turn.message)
 * })
 * ```
 */
export class Durable extends Context.Service<
  Durable,
  {
    /**
     * Adds a turn to the queue of its thread and returns at once. The same submission with the same key again finds the first
     * turn; another one fails with `KeyReused`.
     */
    readonly submit: (
      input: DurableInput,
      options: SubmitOptions
    ) => Effect.Effect<DurableTurnRecord, InvalidRequest | KeyReused | StorageUnavailable>
    /** Waits until a turn has ended, and returns it or fails with its error. */
    readonly await: (key: string) => Effect.Effect<Turn, CodexError>
    /** Returns how a turn ended, or `None` while it has not. */
    readonly poll: (
      key: string
    ) => Effect.Effect<Option.Option<Exit.Exit<Turn, CodexError>>, InvalidRequest | StorageUnavailable>
    /** Returns the state of a turn. */
    readonly turn: (key: string) => Effect.Effect<DurableTurnRecord, InvalidRequest | StorageUnavailable>
    /**
     * The events of a turn so far, then its further events as they are stored, and at last the line with its outcome. The
     * lines have the format of `run --json`, without deltas of texts.
     */
    readonly watch: (key: string) => Stream.Stream<EventLine, InvalidRequest | StorageUnavailable>
    /**
     * Has a turn interrupted. A turn that no runner has yet ends at once; a runner interrupts a running one. If it does not
     * reach the engine, the turn ends after some ten seconds; an engine that is only cut off runs it until the next turn of
     * the thread. A turn that has ended stays as it is.
     */
    readonly interrupt: (key: string) => Effect.Effect<void, InvalidRequest | StorageUnavailable>
    readonly turns: (
      filter?: DurableTurnFilter
    ) => Effect.Effect<ReadonlyArray<DurableTurnRecord>, StorageUnavailable>
    readonly approvals: ClientApprovals.DurableApprovals
    /** Deletes what is older than its retention. Turns that have not ended are never deleted. */
    readonly prune: (policy: RetentionPolicy) => Effect.Effect<Pruned, StorageUnavailable>
  }
>()("effect-codex/durable/Durable") {
  /**
   * The client of any SQL database that has an announcement of commits.
   * @internal
   */
  static readonly layer: Layer.Layer<Durable, StorageUnavailable, SqlClient.SqlClient | ChangeFeed> =
    Layer.effect(
      Durable,
      Effect.suspend(() => Effect.map(Store.make, make))
    )

  /**
   * The client of a runner's own store.
   * @internal
   */
  static readonly layerStore: Layer.Layer<Durable, never, Store.Store> = Layer.effect(
    Durable,
    Effect.suspend(() => Effect.map(Store.Store, make))
  )

  /**
   * Opens a SQLite file, or creates it, in a directory that only this user can access. It needs no lock: a runner in another
   * process can have the file at the same time.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { Durable } from "effect-codex/durable"
   *
   * const submitted = Durable.use(({ submit }) => submit("Fix the build", { key: "build-1842" })).pipe(
   *   Effect.provide(Durable.layerSqlite({ path: "/var/lib/app/codex/turns.db" }))
   * )
   * ```
   */
  static readonly layerSqlite = (options: {
    /** The path of the file. */
    readonly path: string
  }): Layer.Layer<Durable, StorageUnavailable> =>
    Durable.layer.pipe(Layer.provide(SqliteStore.layerClient({ path: options.path })))

  /**
   * Crashes the runner of a test, as SIGKILL does, and starts the next one: at a step, or now. Waits until the step is reached.
   * A step that lasts, such as `approval-waits`, may have been reached before; for another one, call this before it can
   * happen. `target`: crash the engine or the whole machine instead. `DurableTest.layer` provides what it needs.
   * @since 0.1.0
   * @category testing
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { Durable } from "effect-codex/durable"
   *
   * const survives = Effect.gen(function* () {
   *   const durable = yield* Durable
   *   yield* durable.submit("Fix the build", { key: "build-1842" })
   *   yield* Durable.crash("command-runs")
   *   return yield* durable.await("build-1842")
   * })
   * ```
   */
  static readonly crash = (
    step?: CrashStep,
    target?: CrashTarget
  ): Effect.Effect<void, never, DurableCrash> => DurableCrash.use(({ crash }) => crash(step, target))

  /**
   * Freezes the runner of a test, as SIGSTOP does, at a step or now. Waits until the step is reached. Six seconds later its
   * lock has expired, and the next runner takes its turns over: pass this time with `TestClock.adjust`. Returns the effect that
   * thaws the frozen runner, which then starts and writes nothing more for these turns.
   * @since 0.1.0
   * @category testing
   * @example
   * ```ts
   * import { Effect } from "effect"
   * import { TestClock } from "effect/testing"
   * import { Durable } from "effect-codex/durable"
   *
   * const survives = Effect.gen(function* () {
   *   const durable = yield* Durable
   *   yield* durable.submit("Fix the build", { key: "build-1842" })
   *   const thaw = yield* Durable.freeze("command-runs")
   *   yield* TestClock.adjust("6 seconds")
   *   yield* thaw
   *   return yield* durable.await("build-1842")
   * })
   * ```
   */
  static readonly freeze = (step?: CrashStep): Effect.Effect<Effect.Effect<void>, never, DurableCrash> =>
    DurableCrash.use(({ freeze }) => freeze(step))
}

const invalid = (detail: string) =>
  new InvalidRequest({ reason: "BadParams", method: "durable/submit", detail })

const notFound = (key: string) =>
  new InvalidRequest({
    reason: "TurnNotFound",
    method: "durable/turn",
    detail: `there is no durable turn ${JSON.stringify(key)}`
  })

const decodeInput = Schema.decodeUnknownEffect(DurableInput)
const decodeThreadOptions = Schema.decodeUnknownEffect(DurableThreadOptions)

// Control characters would hide what a terminal shows, and PostgreSQL cannot store NUL.
const isName = (name: string): boolean => name.length > 0 && name.length <= 200 && !/\p{Cc}/u.test(name)

const defined = <A extends object>(fields: A): A =>
  Object.assign(
    {},
    ...Object.entries(fields).map(([name, value]) => (value === undefined ? {} : { [name]: value }))
  )

const storedOptions = ({ budget, recovery, timeout }: SubmitOptions): StoredTurnOptions => {
  const timeoutMillis = timeout === undefined ? undefined : millisOf(timeout)
  return {
    ...(timeoutMillis === undefined ? {} : { timeoutMillis }),
    ...(recovery === undefined ? {} : { recovery }),
    ...(budget === undefined
      ? {}
      : {
          budget: {
            ...(budget.tokens === undefined ? {} : { tokens: budget.tokens }),
            ...(budget.toolCalls === undefined ? {} : { toolCalls: budget.toolCalls }),
            ...(budget.modelCalls === undefined ? {} : { modelCalls: budget.modelCalls }),
            ...(budget.usd === undefined ? {} : { usd: budget.usd }),
            ...(budget.time === undefined
              ? {}
              : { timeMillis: millisOf(budget.time) ?? Number.MAX_SAFE_INTEGER })
          }
        })
  }
}

/** @internal Makes the client of a store. */
export const make = (store: Store.StoreShape): Durable["Service"] => {
  const submit = Effect.fnUntraced(function* (given: DurableInput, options: SubmitOptions) {
    const { budget: _b, key, recovery: _r, team, thread, timeout: _t, user, ...rest } = options
    if (!isName(key))
      return yield* invalid("key must have 1 to 200 characters, none of them a control character")
    if (thread !== undefined && !isName(thread))
      return yield* invalid("thread must have 1 to 200 characters, none of them a control character")
    const asParams = Effect.mapError((error: Schema.SchemaError) => invalid(error.message))
    const input = yield* asParams(decodeInput(given))
    const threadOptions = yield* asParams(decodeThreadOptions(defined(rest)))
    const problem = SettingsOptions.validate(threadOptions)
    if (problem !== undefined) return yield* invalid(problem)
    const hashUser = yield* UserHash.makeUser
    const userHash = (yield* hashUser(user))[attribute.userHash]
    const { turn } = yield* DurableTelemetry.submitting(
      { key, userHash, team },
      (traceParent) =>
        store.submit({
          key,
          threadId: thread,
          threadOptions,
          input,
          options: storedOptions(options),
          userHash,
          team,
          traceParent
        }),
      ({ inserted, turn }) => ({
        thread: turn.threadId,
        isDuplicate: !inserted,
        traceParent: turn.traceParent
      })
    )
    return turnRecord(turn)
  }, Sampling.withTelemetry())

  const row = Effect.fnUntraced(function* (key: string) {
    return (yield* store.turn(key)) ?? (yield* notFound(key))
  })

  const poll = Effect.fnUntraced(function* (key: string) {
    const turn = yield* row(key)
    if (turn.endedAt === null) return Option.none()
    const outcome = yield* store.outcome(key)
    if (outcome === undefined) return yield* notFound(key)
    return Option.some(outcome._tag === "Completed" ? Exit.succeed(outcome.turn) : Exit.fail(outcome.error))
  })

  const awaitTurn = (key: string): Effect.Effect<Turn, CodexError> =>
    store.changes.pipe(
      Stream.mapEffect(() => poll(key)),
      Stream.filter(Option.isSome),
      Stream.runHead,
      // The changes never end.
      Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: ({ value }) => value }))
    )

  const interrupt = Effect.fnUntraced(function* (key: string) {
    const turn = yield* row(key)
    if (turn.endedAt !== null) return
    const outcome = { _tag: "Failed", error: new TurnInterrupted({ by: "caller" }) } as const
    if (turn.runner === null && (yield* store.finishUnclaimed(key, outcome))) return
    yield* store.requestInterrupt(key)
  })

  return Durable.of({
    submit,
    await: awaitTurn,
    poll,
    turn: (key) => Effect.map(row(key), turnRecord),
    watch: (key) => watch(store, key, notFound),
    interrupt,
    turns: (filter = {}) =>
      Effect.map(
        store.turns({ threadId: filter.thread, status: filter.status, limit: filter.limit }),
        (rows) => rows.map(turnRecord)
      ),
    approvals: ClientApprovals.make(store),
    prune: store.prune
  })
}
