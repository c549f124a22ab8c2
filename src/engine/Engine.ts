/** The interface between the runtime and the agent that runs turns. The runtime knows nothing else about the agent. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type * as Exec from "../domain/Exec.ts"
import type * as Goal from "../domain/Goal.ts"
import type { ItemId, ThreadId, TurnId } from "../domain/Ids.ts"
import type * as Terminal from "../domain/Terminal.ts"
import type { ThreadAccess } from "../domain/ThreadAccess.ts"
import type * as Item from "../domain/Item.ts"
import type * as Review from "../domain/Review.ts"
import type * as ThreadInfo from "../domain/ThreadInfo.ts"
import type { SettingsOptions, WebSearchMode } from "../domain/SettingsOptions.ts"
import type * as ThreadSettings from "../domain/ThreadSettings.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"

/**
 * The description of a caller's tool that the model receives.
 * @since 0.1.0
 * @category models
 */
export interface ToolSpec {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly inputSchema: unknown
}

/**
 * Options of a thread as an engine receives them.
 * @since 0.1.0
 * @category models
 */
export interface EngineThreadOptions extends SettingsOptions {
  readonly cwd: string | undefined
  readonly sandbox: ThreadSettings.Sandbox | undefined
  readonly approvalMode: ThreadSettings.ApprovalMode | undefined
  readonly model: string | undefined
  /** Replaces the instructions of the engine. */
  readonly baseInstructions?: string | undefined
  readonly provider?: string | undefined
  readonly webSearch?: WebSearchMode | undefined
  readonly instructions: string | undefined
  readonly ephemeral: boolean | undefined
  readonly tools: ReadonlyArray<ToolSpec>
  /** Overrides of the engine's configuration for this thread. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Whether the agent may pursue goals. Default: false. */
  readonly goals?: boolean | undefined
  /** Receives what happens on the thread without a request, from before the thread is open until its scope closes. */
  readonly observer?: ThreadObserver | undefined
  /**
   * Whether turns go on when the scope of the thread closes, from before the thread is open: it may have a running turn. An
   * engine without `detach` ignores it.
   */
  readonly leavesTurns?: boolean | undefined
}

/**
 * A turn that the engine started by itself, for example for a goal. `run` must be called; until then, events and requests
 * of the turn wait.
 * @since 0.1.0
 * @category models
 */
export interface AdoptedTurn {
  readonly turnId: TurnId
  /**
   * When the turn started, in milliseconds since the epoch, if that was before this client learned of it. Default: the turn
   * starts now.
   */
  readonly startedAt?: number | undefined
  /**
   * Observes the turn to its end, as `EngineThread.turn` does: succeeds when the turn completes and fails with its error.
   * Interruption interrupts the turn and ends the processes that it started.
   */
  readonly run: (
    options: Pick<EngineTurnOptions, "keepsRunning" | "subAgents" | "terminals">,
    handlers: Handlers
  ) => Effect.Effect<void, CodexError.TurnError>
}

/**
 * Receives what happens on a thread without a request. The functions are synchronous and must not throw.
 * @since 0.1.0
 * @category models
 */
export interface ThreadObserver {
  /** The engine starts a turn. With several handles on a thread, only the observer of the newest open handle is called. */
  readonly onTurn: (turn: AdoptedTurn) => void
  /** The goal of the thread changes; `undefined` after it is cleared. */
  readonly onGoal: (goal: Goal.Goal | undefined) => void
  /** The engine has ended. The next turn may start it again. */
  readonly onExit: (error: CodexError.TurnError) => void
  /** The thread has started again with another id, before its first turn. Called once, for the handle that has started it. */
  readonly onRestart?: ((id: ThreadId) => void) | undefined
}

/**
 * The goal of a thread.
 * @since 0.1.0
 * @category models
 */
export interface ThreadGoals {
  /** Replaces the goal. The engine starts turns for it at once, and passes them to the thread's observer. */
  readonly set: (goal: Goal.GoalOptions) => Effect.Effect<void, CodexError.StartError>
  /**
   * Clears or pauses the goal, so that no further turn starts for it. Each turn that has started by then has been passed to
   * the observer. Does not affect the running turn.
   */
  readonly stop: (how: "clear" | "pause") => Effect.Effect<void>
  /** Asks the engine for the goal and passes it to the thread's observers. Does nothing if the engine does not answer. */
  readonly refresh?: Effect.Effect<void> | undefined
}

/**
 * A call of one of the caller's tools. `arguments` holds the unvalidated output of the model.
 * @since 0.1.0
 * @category models
 */
export interface EngineToolCall {
  readonly callId: ItemId
  readonly tool: string
  readonly arguments: unknown
}

/**
 * The result of a tool call, as the model receives it.
 * @since 0.1.0
 * @category models
 */
export interface EngineToolOutput {
  readonly success: boolean
  readonly text: string
  /** All parts of a result that is not only text. `text` joins its text parts. */
  readonly content?: ReadonlyArray<Item.ToolContent> | undefined
}

/**
 * The callbacks of a turn's caller. `emit` is synchronous and never waits, so that the caller processes each event on
 * arrival and before anything that depends on it. `approve` and `callTool` run in the Effect context of the caller.
 * @since 0.1.0
 * @category models
 */
export interface Handlers {
  readonly emit: (event: Turn.EngineEvent) => void
  readonly approve: (
    request: ApprovalRequest.ApprovalRequest
  ) => Effect.Effect<ApprovalDecision.ApprovalDecision>
  readonly callTool: (call: EngineToolCall) => Effect.Effect<EngineToolOutput>
  /** Returns the handlers for the turn that a sub-agent of this turn starts, unless the turn has no caller yet. */
  readonly agent?: (turn: {
    readonly threadId: ThreadId
    readonly turnId: TurnId
  }) => AgentHandlers | undefined
}

/**
 * Settings for this and later turns of the handle, and options for the turn alone.
 * @since 0.1.0
 * @category models
 */
export interface EngineTurnOptions extends SettingsOptions {
  /** How the agent works with its user, for this and later turns. */
  readonly mode?: TurnOptions.Mode | undefined
  /** JSON Schema that the last message of the turn must match. */
  readonly outputSchema?: unknown
  /** What happens to the commands that still run when the turn ends. Default: `keep`. */
  readonly terminals?: TurnOptions.TerminalPolicy | undefined
  /** What happens to sub-agents that still work when the turn completes. Default: `interrupt`. */
  readonly subAgents?: TurnOptions.SubAgents | undefined
  /** An id of the caller for the input of the turn. The history keeps it, so that `findTurn` finds the turn by it. */
  readonly clientMessageId?: string | undefined
  /**
   * Whether an interruption leaves the turn running, with what it has started. Called when the turn is interrupted, and only
   * by an engine with `detach`.
   */
  readonly keepsRunning?: (() => boolean) | undefined
  /**
   * Called right before the request that starts the turn is sent, each time that it is sent. An error ends the turn with it,
   * and nothing is sent.
   */
  readonly beforeStart?: (() => CodexError.TurnError | undefined) | undefined
}

/**
 * A turn in the history of a thread, running or ended.
 * @since 0.1.0
 * @category models
 */
export interface FoundTurn {
  readonly turnId: TurnId
  /** The start of the turn and its items, as events with the times at which they happened. */
  readonly events: ReadonlyArray<Turn.EngineEvent>
  /**
   * How the turn ended; `undefined` while it runs. `EngineExited` if the engine ended while the turn ran: then the history has
   * no end of the turn.
   */
  readonly end: "completed" | CodexError.TurnError | undefined
  /** When the turn ended, in milliseconds since the epoch, if the history says it. */
  readonly endedAt: number | undefined
}

/**
 * The callbacks for the turn of a sub-agent. The engine calls `end` exactly once, when the turn ends.
 * @since 0.1.0
 * @category models
 */
export interface AgentHandlers extends Omit<Handlers, "agent"> {
  readonly end: (outcome: "completed" | CodexError.TurnError) => void
}

/**
 * An open thread of an engine.
 * @since 0.1.0
 * @category models
 */
export interface EngineThread {
  /** The id of the thread. `reopen` may change it. */
  readonly id: ThreadId
  /**
   * Starts the thread again if the engine lost it before its first turn; does nothing otherwise. The runtime calls it before
   * each turn, so that the turn and its telemetry have the new id.
   */
  readonly reopen?: Effect.Effect<void, CodexError.StartError> | undefined
  /** The model of the thread, if the engine reports it. */
  readonly model: string | undefined
  readonly provider: string | undefined
  /** The directory that relative paths resolve against and commands run in. */
  readonly cwd: string
  /**
   * Returns what the agent can do without approval in the running turn. Without this function nothing counts as protected
   * from the agent.
   */
  readonly access?: (() => ThreadAccess) | undefined
  /** Returns the settings that the engine reports to be in force on the thread. */
  readonly settings?: (() => ThreadSettings.ThreadSettings) | undefined
  /** Returns the settings that a turn of this handle with these options runs with. */
  readonly turnSettings?: ((options: EngineTurnOptions) => ThreadSettings.ThreadSettings) | undefined
  /**
   * Runs one turn to its end. Succeeds when the turn completes and fails with the error of the turn. Interruption
   * interrupts the turn and ends the processes that it started. The runtime runs at most one turn at a time per thread.
   */
  readonly turn: (
    input: TurnOptions.TurnInput,
    options: EngineTurnOptions,
    handlers: Handlers
  ) => Effect.Effect<void, CodexError.TurnError>
  /**
   * Looks in the history of the thread for the turn that input with this `clientMessageId` started. Starts nothing. An engine
   * without this function keeps no ids.
   */
  readonly findTurn?:
    | ((clientMessageId: string) => Effect.Effect<FoundTurn | undefined, CodexError.StartError>)
    | undefined
  /**
   * From now on, closing the scope of the thread leaves running what runs on it. Absent if nothing that runs can outlive the
   * connection to the engine.
   */
  readonly detach?: Effect.Effect<void> | undefined
  /** Summarises the conversation to free context space. Codex runs this as a turn. */
  readonly compact: (handlers: Handlers) => Effect.Effect<void, CodexError.TurnError>
  /**
   * Reviews code and reports the result in the item `ExitedReviewMode`. Codex runs this as a turn. An engine without this
   * function cannot review code.
   */
  readonly review?:
    | ((target: Review.ReviewTarget, handlers: Handlers) => Effect.Effect<void, CodexError.TurnError>)
    | undefined
  /** Adds input to the running turn. Fails with `InvalidRequest` if no turn is running. */
  readonly steer: (input: TurnOptions.TurnInput) => Effect.Effect<void, CodexError.RequestError>
  /** The commands of the thread that run in the background. An engine without them has none to list. */
  readonly terminals?: EngineTerminals | undefined
  /** Waits until no turn runs that the engine started by itself, and none is about to start. */
  readonly settled?: Effect.Effect<void> | undefined
  /** The goal of the thread. Absent if the thread or the engine has no goals. */
  readonly goals?: ThreadGoals | undefined
}

/**
 * The commands of a thread that run in the background.
 * @since 0.1.0
 * @category models
 */
export interface EngineTerminals {
  /** Lists the commands that run now, also those of handles of the same thread. */
  readonly list: Effect.Effect<ReadonlyArray<Terminal.Terminal>, CodexError.RequestError>
  /**
   * Subscribes when it runs. The events of the background terminals from now on: a turn left a command running, it wrote output, it ended. The
   * stream ends with the thread's scope and with Codex's process. While more than 1 Mi characters of output wait for a slow
   * consumer, new output is dropped; a mark in the next output counts the dropped characters.
   */
  readonly watch: Stream.Stream<Terminal.TerminalEvent, CodexError.RequestError>
  /** Ends a command by its `processId`. Returns whether it was still running. */
  readonly terminate: (processId: string) => Effect.Effect<boolean, CodexError.RequestError>
  /** Ends all commands of the thread, also those of a running turn. */
  readonly clean: Effect.Effect<void, CodexError.RequestError>
}

/**
 * Options of a request to the engine.
 * @since 0.1.0
 * @category models
 */
export interface EngineRequestOptions {
  /** How long the reply may take. Default: the deadline of the engine for this method, if it has one. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * A notification in the engine's own protocol, as the engine received it.
 * @since 0.1.0
 * @category models
 */
export interface EngineNotification {
  readonly method: string
  readonly params: unknown
  /** Milliseconds since the epoch. */
  readonly at: number
}

/**
 * A page of a list, and the cursor of the next page.
 * @since 0.1.0
 * @category models
 */
export interface Page<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | undefined
}

/**
 * Why a request to the engine failed, including failure to start the engine.
 * @since 0.1.0
 * @category models
 */
export type Failure = CodexError.StartError

/**
 * What runs the turns: `AppServer.layer` is the real Codex, `Scripted.layer` a script. `Codex.layer` is all that needs it.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Engine } from "effect-codex"
 *
 * // Starts Codex before the first request of the server.
 * const warm = Engine.Engine.use(({ ready }) => Effect.ignore(ready))
 * ```
 */
export class Engine extends Context.Service<
  Engine,
  {
    /** Variables that the engine receives in addition to this process's environment. Telemetry masks the secrets in them. */
    readonly environment?: Readonly<Record<string, string | undefined>> | undefined
    /** Starts the engine if needed. Threads start it on demand; call this first to time the start separately. */
    readonly ready: Effect.Effect<void, CodexError.StartError>
    /** The directory where the engine stores threads, on its machine. An engine without one omits it. */
    readonly home?: Effect.Effect<string | undefined, CodexError.StartError> | undefined
    readonly startThread: (
      options: EngineThreadOptions
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    readonly resumeThread: (
      threadId: ThreadId,
      options: EngineThreadOptions
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    /** Starts a thread from a copy of another thread's history, up to and including turn `through`. */
    readonly forkThread: (
      threadId: ThreadId,
      options: EngineThreadOptions & { readonly through: TurnId | undefined }
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    /** Lists the stored threads, newest first, one page at a time. */
    readonly listThreads: (
      filter: ThreadInfo.Filter,
      cursor: string | undefined
    ) => Effect.Effect<Page<ThreadInfo.ThreadInfo>, Failure>
    readonly readThread: (threadId: ThreadId) => Effect.Effect<ThreadInfo.ThreadHistory, Failure>
    readonly renameThread: (threadId: ThreadId, name: string) => Effect.Effect<void, Failure>
    readonly archiveThread: (threadId: ThreadId) => Effect.Effect<void, Failure>
    readonly unarchiveThread: (threadId: ThreadId) => Effect.Effect<void, Failure>
    readonly deleteThread: (threadId: ThreadId) => Effect.Effect<void, Failure>
    readonly listModels: (cursor: string | undefined) => Effect.Effect<Page<ThreadInfo.Model>, Failure>
    /** Runs a command in the engine's sandbox. An engine that cannot omits it. */
    readonly exec?: Exec.EngineExec | undefined
    /** Sends any other request in the engine's own protocol. Interruption ends what the request started. */
    readonly request: (
      method: string,
      params: unknown,
      options?: EngineRequestOptions
    ) => Effect.Effect<unknown, Failure>
    /**
     * Calls the listener with every notification of the engine, or those of `method`, until the scope closes:
     * synchronously, in order of arrival, and before the events that follow from it. All listeners receive the same object.
     * An engine without notifications does not have this function.
     */
    readonly subscribe?:
      | ((
          listener: (notification: EngineNotification) => void,
          method?: string
        ) => Effect.Effect<void, never, Scope.Scope>)
      | undefined
  }
>()("effect-codex/engine/Engine") {}
