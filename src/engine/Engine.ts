/** The seam: the only thing that the runtime knows of whoever does the thinking. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as ApprovalDecision from "../domain/ApprovalDecision.ts"
import type * as ApprovalRequest from "../domain/ApprovalRequest.ts"
import type * as CodexError from "../domain/CodexError.ts"
import type { ItemId, ThreadId, TurnId } from "../domain/Ids.ts"
import type * as ThreadInfo from "../domain/ThreadInfo.ts"
import type * as Turn from "../domain/Turn.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"

/** When Codex asks: `on-request` runs sandboxed commands unasked, `untrusted` asks for each, `never` never asks. */
export type ApprovalMode = "untrusted" | "on-request" | "never"

/** A tool of the caller's, as the model is told of it. */
export interface ToolSpec {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments. */
  readonly inputSchema: unknown
}

export interface EngineThreadOptions {
  readonly cwd: string | undefined
  readonly sandbox: TurnOptions.Sandbox | undefined
  readonly approvalMode: ApprovalMode | undefined
  readonly model: string | undefined
  readonly instructions: string | undefined
  readonly ephemeral: boolean | undefined
  readonly tools: ReadonlyArray<ToolSpec>
  /** Overrides of the engine's own configuration, for this thread alone. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** A call of one of the caller's tools. `arguments` is whatever the model wrote. */
export interface EngineToolCall {
  readonly callId: ItemId
  readonly tool: string
  readonly arguments: unknown
}

/** What goes back to the model. */
export interface EngineToolOutput {
  readonly success: boolean
  readonly text: string
}

/**
 * What a turn needs of its caller. `emit` is synchronous and never waits, so that an event is seen when it arrives and
 * before anything that depends on it; `approve` and `callTool` run in the context of the run that asked.
 */
export interface Handlers {
  readonly emit: (event: Turn.EngineEvent) => void
  readonly approve: (
    request: ApprovalRequest.ApprovalRequest
  ) => Effect.Effect<ApprovalDecision.ApprovalDecision>
  readonly callTool: (call: EngineToolCall) => Effect.Effect<EngineToolOutput>
  /** A sub-agent of the turn begins a turn of its own: who hears and decides there. */
  readonly agent?: (turn: { readonly threadId: ThreadId; readonly turnId: TurnId }) => AgentHandlers
}

/** How one turn differs from what its thread is set to. Codex keeps all but `outputSchema` for later turns too. */
export interface EngineTurnOptions {
  readonly model?: string | undefined
  readonly effort?: string | undefined
  readonly sandbox?: TurnOptions.Sandbox | undefined
  readonly cwd?: string | undefined
  /** JSON Schema that the last message of the turn has to fit. */
  readonly outputSchema?: unknown
}

/** What is done for the turn of a sub-agent; `end` is told once, when it is over. */
export interface AgentHandlers extends Omit<Handlers, "agent"> {
  readonly end: (outcome: "completed" | CodexError.TurnError) => void
}

export interface EngineThread {
  readonly id: ThreadId
  /** The model that answers, where the engine says so. */
  readonly model: string | undefined
  readonly provider: string | undefined
  /** The folder that relative paths and commands are in. */
  readonly cwd: string
  /**
   * Runs one turn to its end: succeeds when it has completed, fails as it failed. Interrupting it interrupts the turn
   * and ends what the turn started. The runtime never runs two at once on a thread.
   */
  readonly turn: (
    input: TurnOptions.TurnInput,
    options: EngineTurnOptions,
    handlers: Handlers
  ) => Effect.Effect<void, CodexError.TurnError>
  /** Summarises the conversation to make room: a turn of its own. */
  readonly compact: (handlers: Handlers) => Effect.Effect<void, CodexError.TurnError>
  /** Adds to the turn that runs; `InvalidRequest` where none does. */
  readonly steer: (input: TurnOptions.TurnInput) => Effect.Effect<void, CodexError.RequestError>
}

/** A page of a list, and where the next one begins. */
export interface Page<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | undefined
}

/** Why the engine did not do what it was asked: also that it did not come up. */
export type Failure = CodexError.StartError

export class Engine extends Context.Service<
  Engine,
  {
    /** What the engine is given beside the environment of this process: secrets among it are masked everywhere. */
    readonly environment?: Readonly<Record<string, string | undefined>> | undefined
    /** Comes up, if it is not up already. Opening a thread does it too; asked before, its time is told apart. */
    readonly ready: Effect.Effect<void, CodexError.StartError>
    readonly startThread: (
      options: EngineThreadOptions
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    readonly resumeThread: (
      threadId: ThreadId,
      options: EngineThreadOptions
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    /** A new thread that has said what another one has, up to and with turn `through`. */
    readonly forkThread: (
      threadId: ThreadId,
      options: EngineThreadOptions & { readonly through: TurnId | undefined }
    ) => Effect.Effect<EngineThread, CodexError.StartError, Scope.Scope>
    /** The conversations that are kept, newest first, a page at a time. */
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
    /** Anything else that the engine can do, in its own terms. */
    readonly request: (method: string, params: unknown) => Effect.Effect<unknown, Failure>
  }
>()("effect-codex/engine/Engine") {}
