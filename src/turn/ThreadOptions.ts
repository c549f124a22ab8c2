/** What a caller can choose when it opens a thread. */
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type { Budget } from "../domain/Budget.ts"
import type * as SettingsOptions from "../domain/SettingsOptions.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import type * as McpServers from "../tool/McpServers.ts"

/**
 * Options for opening a thread. Omitted settings are those of Codex's configuration; for a thread that is stored or open, they
 * are the settings of that thread. `cwd` of a new thread is the working directory of this process by default.
 *
 * Each handle of a thread keeps its own settings and instructions: Codex receives them with the handle's next turn if it ran
 * a turn of another handle before. A turn fails with `InvalidRequest.Rejected` if Codex reports other settings than those,
 * for example because an administrator forbids them. Codex reads `baseInstructions`, `provider`, `webSearch`, `config` and
 * `mcpServers` only when it loads a thread: a second handle that asks for others fails with `InvalidRequest.Rejected`.
 * @since 0.1.0
 * @category models
 */
export interface ThreadOptions<Tools extends Record<string, Tool.Any> = {}>
  extends SettingsOptions.SettingsOptions {
  /**
   * Instructions for the agent, in addition to Codex's own. Codex ignores the instructions of a thread that it resumes or
   * forks, so there the library adds them to the conversation as a message of the developer, before the handle's next turn
   * and unless they are the last that the model received.
   */
  readonly instructions?: string | undefined
  /** Replaces the instructions of Codex for the agent. */
  readonly baseInstructions?: string | undefined
  /** The model provider: a key of `model_providers` in Codex's configuration. */
  readonly provider?: string | undefined
  /** Whether and where the model can search the web. The provider runs the searches, so no sandbox limits them. */
  readonly webSearch?: SettingsOptions.WebSearchMode | undefined
  /** Stores nothing of the conversation on disk, so it cannot be resumed. */
  readonly ephemeral?: boolean | undefined
  /** Tools of the caller that the agent may call: `yield* MyToolkit`. */
  readonly tools?: Toolkit.WithHandler<Tools> | undefined
  /** MCP servers that the agent may use, in addition to the servers in Codex's configuration. */
  readonly mcpServers?: McpServers.McpServers | undefined
  /**
   * The limit for all turns of the thread together while this handle is open, also turns of other handles and of Codex itself. A turn that exceeds it
   * fails with `BudgetExceeded`.
   */
  readonly budget?: Budget | undefined
  /**
   * What happens to the commands that still run when their turn ends: `keep` lets them continue as background terminals,
   * `end` ends them with each turn. They always end with the scope of the thread's last handle. Default: `keep`.
   */
  readonly terminals?: TurnOptions.TerminalPolicy | undefined
  /**
   * How the agent works with its user in the turns of this handle: `plan` proposes a plan instead of changing files.
   * Default: the mode that Codex has stored with the thread, and `default` for a new one.
   */
  readonly mode?: TurnOptions.Mode | undefined
  /**
   * Whether the agent may pursue goals: it then continues after the end of a turn, in turns that Codex starts itself. Needed for
   * `Thread.runGoal`. Default: false, also if Codex's configuration turns goals on.
   */
  readonly goals?: boolean | undefined
  /**
   * What happens to a turn that runs when the scope of the thread closes, or when the effect that runs it is interrupted.
   * `detach` leaves it running in Codex, with its background terminals and sub-agents: `Codex.attach` observes it again, also
   * from another process. `Thread.interrupt` interrupts it. Needs a Codex that runs behind a socket (`AppServer.layerSocket`,
   * or an engine host); otherwise opening the thread fails with `InvalidRequest.Rejected`. Default: `interrupt`.
   */
  readonly onScopeClose?: "interrupt" | "detach" | undefined
  /** What happens to sub-agents that still work when a turn completes. Default: `interrupt`. */
  readonly subAgents?: TurnOptions.SubAgents | undefined
  /** Overrides of Codex's configuration for this thread, for example `{ "model_reasoning_effort": "high" }`. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** The part of the program that uses the thread, for telemetry. Choose few distinct values, without content. */
  readonly source?: string | undefined
  /** The workflow that the thread belongs to, for telemetry. */
  readonly workflow?: string | undefined
  /** A group of threads, for telemetry. */
  readonly group?: string | undefined
  /**
   * The user that the thread works for. Telemetry contains only a hash with the key `CODEX_OTEL_USER_HASH_KEY`, and nothing
   * if there is no key.
   */
  readonly user?: string | undefined
}
