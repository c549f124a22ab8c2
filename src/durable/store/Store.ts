/** The database of durable turns, as the runner uses it. Clients use `Durable`, which can do less. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as Stream from "effect/Stream"
import type { ApprovalDecision } from "../../domain/ApprovalDecision.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type { KeyReused, StorageUnavailable } from "../../domain/StorageErrors.ts"
import * as ApprovalQueries from "./ApprovalQueries.ts"
import { ChangeFeed } from "./ChangeFeed.ts"
import * as EngineQueries from "./EngineQueries.ts"
import * as JournalQueries from "./JournalQueries.ts"
import * as Migrations from "./Migrations.ts"
import * as OpenTurnQueries from "./OpenTurnQueries.ts"
import * as Pruning from "./Pruning.ts"
import type { ApprovalRow, ThreadRow, TurnOutcome, TurnRow } from "./Rows.ts"
import * as TurnQueries from "./TurnQueries.ts"

/** An operation on the database. It fails before it has written anything, or writes everything. */
type Stored<A, E = never> = Effect.Effect<A, StorageUnavailable | E>

/** Approvals and questions. */
export interface StoredApprovals {
  /** Adds a request, or finds the one with its id, which an earlier process asked. */
  readonly ask: (request: ApprovalQueries.AskedApproval) => Stored<ApprovalRow>
  /** Writes a decision if there is none, the request has not expired and its turn has not ended. */
  readonly decide: (id: string, decision: ApprovalDecision, by: string) => Stored<ApprovalQueries.Decided>
  /** Writes the decision of a request that has expired, if there is none. Returns whether it did. */
  readonly expire: (id: string, decision: ApprovalDecision) => Stored<boolean>
  readonly list: (filter: ApprovalQueries.ApprovalFilter) => Stored<ReadonlyArray<ApprovalRow>>
  readonly get: (id: string) => Stored<ApprovalRow | undefined>
  /** Ends the requests of a turn that has ended: an answer that comes later has no effect. */
  readonly end: (turnKey: string) => Stored<void>
  /** Ends one request: the runner has taken its decision, or Codex no longer waits for one. */
  readonly close: (id: string) => Stored<void>
  /** Returns the ids of requests that are decided, and whose decisions no runner has taken. */
  readonly answered: Stored<ReadonlyArray<string>>
}

/** When the engines of the runners were last reached, and what they run. */
export interface StoredEngines {
  /** Writes that a runner reaches the engine now. */
  readonly seen: (name: string) => Stored<void>
  /** Returns when a runner last reached the engine, in milliseconds since the epoch; 0 for never. */
  readonly lastSeen: (name: string) => Stored<number>
  /** Returns how many threads each engine runs for other runners than this one. */
  readonly running: (except: string) => Stored<ReadonlyMap<string, number>>
  /** Returns the threads of Codex that have moved from the engine to another one, and that the engine may still run. */
  readonly left: (name: string) => Stored<ReadonlyArray<ThreadId>>
  /** Writes that the engine runs nothing of a thread that has moved. */
  readonly forgetLeft: (name: string, id: ThreadId) => Stored<void>
}

/** Every operation is typed: errors of the database are `StorageUnavailable`. */
export interface StoreShape {
  /** Adds a turn to the queue of its thread. The same submission again finds the first turn. */
  readonly submit: (
    submission: TurnQueries.Submission
  ) => Stored<{ readonly inserted: boolean; readonly turn: TurnRow }, KeyReused>
  readonly turn: (key: string) => Stored<TurnRow | undefined>
  readonly turns: (filter: TurnQueries.TurnFilter) => Stored<ReadonlyArray<TurnRow>>
  readonly thread: (id: string) => Stored<ThreadRow | undefined>
  readonly open: OpenTurnQueries.StoredOpenTurns
  /**
   * Makes a runner the owner of a turn: increments `epoch`, so that an earlier owner's writes have no effect. Returns
   * `undefined` if the turn has ended or does not exist. `versions` are written by the first claim only. `trace`
   * is the trace parent of the attempt.
   */
  readonly claim: (
    key: string,
    runner: string,
    versions?: TurnQueries.RunnerVersions,
    trace?: string
  ) => Stored<TurnRow | undefined>
  /** Writes that the runner starts another attempt, because the engine died. */
  readonly recovered: (key: string, epoch: number, trace: string | undefined) => Stored<void>
  /** Writes that the runner leaves the turn to the next one. */
  readonly left: (key: string, epoch: number) => Stored<void>
  /** Counts the turns that have not ended, and the approvals that wait, by team. One query. */
  readonly counts: Stored<ReadonlyArray<TurnQueries.CountRow>>
  /**
   * Returns when the database was asked whether a runner still owns a turn that has not ended, in milliseconds since the
   * epoch. `undefined` if the runner does not.
   */
  readonly owns: (key: string, runner: string, epoch: number) => Stored<number | undefined>
  /** Writes that an attempt is to start on an engine. Returns the same as `owns`. */
  readonly starting: (
    key: string,
    epoch: number,
    start: TurnQueries.AttemptStart
  ) => Stored<number | undefined>
  /** Writes that the history of the thread may lack attempts that have started. */
  readonly historyLost: (key: string, epoch: number) => Stored<void>
  /** Whether no earlier turn of the thread was to start. */
  readonly isFirstStart: (turn: Pick<TurnRow, "seq" | "threadId">) => Stored<boolean>
  /** Writes which thread of Codex, turn and engine run a durable turn. Nothing after its end, or of an earlier owner. */
  readonly started: (key: string, epoch: number, found: TurnQueries.StartedTurn) => Stored<void>
  /** The same before the id of the turn is known. */
  readonly threadStarted: (
    key: string,
    epoch: number,
    found: Pick<TurnQueries.StartedTurn, "codexThreadId" | "engine" | "rolloutPath">
  ) => Stored<void>
  readonly setStatus: (key: string, epoch: number, status: "running" | "waiting") => Stored<void>
  /** Writes how a turn ended. Returns false if that is already written, or another runner has claimed the turn. */
  readonly finish: (key: string, epoch: number, outcome: TurnOutcome) => Stored<boolean>
  /** The same for a turn that no runner has claimed. Returns false if one has, or the turn has ended. */
  readonly finishUnclaimed: (key: string, outcome: TurnOutcome) => Stored<boolean>
  readonly outcome: (key: string) => Stored<TurnOutcome | undefined>
  /** Returns false if the turn has ended or does not exist. */
  readonly requestInterrupt: (key: string) => Stored<boolean>
  readonly approvals: StoredApprovals
  readonly tools: JournalQueries.StoredTools
  readonly events: JournalQueries.StoredEvents
  readonly rollouts: JournalQueries.StoredRollouts
  /** Deletes what is older than its retention, in short transactions. */
  readonly prune: (policy: Pruning.RetentionPolicy) => Stored<Pruning.Pruned>
  readonly engines: StoredEngines
  /** Emits once when the subscription is active, then soon after any commit by any process. Never fails. */
  readonly changes: Stream.Stream<void>
}

/** Makes the queries, after the migrations. */
export const make: Effect.Effect<StoreShape, StorageUnavailable, SqlClient.SqlClient | ChangeFeed> =
  Effect.gen(function* () {
    yield* Migrations.run
    const turns = yield* TurnQueries.make
    const open = yield* OpenTurnQueries.make
    const approvals = yield* ApprovalQueries.make
    const journal = yield* JournalQueries.make
    const engines = yield* EngineQueries.make
    const { changes } = yield* ChangeFeed
    const prune = yield* Pruning.make
    return { ...turns, ...open, approvals, ...journal, ...engines, prune, changes }
  })

/** The database of durable turns, for runners. */
export class Store extends Context.Service<Store, StoreShape>()("effect-codex/durable/Store") {
  /** Runs the migrations on any `SqlClient`, and makes the queries. */
  static readonly layer: Layer.Layer<Store, StorageUnavailable, SqlClient.SqlClient | ChangeFeed> =
    Layer.effect(Store, make)
}
