/** The steps of a script in which the agent acts: questions, commands, edits and tool calls. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Approval from "../../Approval.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as ShellCommand from "../../internal/ShellCommand.ts"
import {
  dieScriptError,
  emit,
  requestApproval,
  type ScriptedEnd,
  type ScriptedStep,
  type ScriptedTurn
} from "./ScriptedTurn.ts"

const step = (play: ScriptedStep["play"]): ScriptedStep => ({ _tag: "Step", play })

const sleep = (duration: Duration.Input | undefined) =>
  duration === undefined ? Effect.void : Effect.sleep(duration)

const ask = (turn: ScriptedTurn, request: Approval.ApprovalRequest) =>
  turn.options.approvalMode === "never"
    ? dieScriptError(`the script asks to ${Approval.summarize(request)}, but this thread never asks`)
    : requestApproval(request, turn.handlers.approve, (event) => emit(turn, event))

const isApproved = (turn: ScriptedTurn, request: Approval.ApprovalRequest) =>
  Effect.map(ask(turn, request), Approval.isGranted)

type WithoutIds<R> = R extends Approval.ApprovalRequest ? Omit<R, "id" | "itemId"> : never

/**
 * The agent asks for permissions, an answer, a form or the call of an MCP tool. `expect` checks the decision, after the
 * runtime has validated it against the request.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 * import { Scripted } from "effect-codex/testing"
 *
 * const asksForNetwork = Scripted.question(
 *   { _tag: "Permissions", permissions: { network: true, fileSystem: [] }, cwd: "/srv/app" },
 *   { expect: (decision) => !Approval.isGranted(decision) }
 * )
 * ```
 */
export const question = (
  question: WithoutIds<Approval.ApprovalRequest>,
  options: { readonly expect?: (decision: Approval.ApprovalDecision) => boolean } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const id = turn.nextId("question")
      const request: Approval.ApprovalRequest = { ...question, id, itemId: id }
      const decision = yield* ask(turn, request)
      if (options.expect?.(decision) === false)
        return yield* dieScriptError(
          `the answer to ${Approval.summarize(request)} is not what the script expects`
        )
    })
  )

const startedCommand = (turn: ScriptedTurn, script: string): Item.CommandExecution => ({
  _tag: "CommandExecution",
  id: turn.nextId("call"),
  command: script,
  cwd: turn.options.cwd ?? "/",
  status: "inProgress",
  operations: []
})

/**
 * Codex runs a command. With `approval` it asks first, and does not run a command that is declined.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const pushes = Scripted.command("git push", { approval: true, output: "Everything up-to-date\n" })
 * ```
 */
export const command = (
  script: string,
  options: {
    readonly approval?: boolean
    readonly reason?: string
    readonly exitCode?: number
    readonly output?: string
    readonly takes?: Duration.Input
  } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const item = startedCommand(turn, script)
      const exitCode = options.exitCode ?? 0
      yield* emit(turn, { _tag: "ItemStarted", item })
      const argv = ShellCommand.argv(script)
      const granted =
        options.approval !== true ||
        (yield* isApproved(turn, {
          _tag: "Command",
          id: item.id,
          itemId: item.id,
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          command: script,
          script,
          ...(argv === undefined ? {} : { argv }),
          cwd: item.cwd,
          extra: false
        }))
      if (!granted) return yield* emit(turn, { _tag: "ItemCompleted", item: { ...item, status: "declined" } })
      yield* sleep(options.takes)
      const output = options.output ?? ""
      if (output !== "") yield* emit(turn, { _tag: "OutputDelta", itemId: item.id, delta: output })
      const status = exitCode === 0 ? "completed" : "failed"
      yield* emit(turn, { _tag: "ItemCompleted", item: { ...item, status, exitCode, output } })
    })
  )

/**
 * Codex starts a command, and the model does not wait for it. It runs in the background when the turn ends, until it ends by
 * itself (`ends`), is terminated, or the scope of the thread's last handle closes.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const startsServer = Scripted.play([Scripted.background("npm run dev"), Scripted.message("It runs.")])
 * ```
 */
export const background = (script: string, options: { readonly ends?: ScriptedEnd } = {}): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const item = startedCommand(turn, script)
      yield* emit(turn, { _tag: "ItemStarted", item })
      yield* turn.startCommand(item, options.ends)
    })
  )

/**
 * Codex edits files. With `approval` it asks first.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const edits = Scripted.fileChange(
 *   [{ path: "src/sum.ts", kind: "update", diff: "@@ -1 +1 @@\n-return a - b\n+return a + b\n" }],
 *   { approval: true }
 * )
 * ```
 */
export const fileChange = (
  changes: ReadonlyArray<Item.Change>,
  options: { readonly approval?: boolean; readonly takes?: Duration.Input } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      const item: Item.FileChange = {
        _tag: "FileChange",
        id: turn.nextId("call"),
        changes,
        status: "inProgress"
      }
      yield* emit(turn, { _tag: "ItemStarted", item })
      const cwd = turn.options.cwd ?? "/"
      const request = {
        _tag: "FileChange",
        id: item.id,
        itemId: item.id,
        changes,
        cwd,
        extra: false
      } as const
      const granted = options.approval !== true || (yield* isApproved(turn, request))
      if (granted) yield* sleep(options.takes)
      yield* emit(turn, {
        _tag: "ItemCompleted",
        item: { ...item, status: granted ? "completed" : "declined" }
      })
      if (granted)
        yield* emit(turn, { _tag: "DiffUpdated", diff: changes.map((change) => change.diff).join("\n") })
    })
  )

/**
 * The model calls a tool of the thread. `expect` checks what the tool returns to the model.
 * @since 0.1.0
 * @category steps
 * @example
 * ```ts
 * import { Scripted } from "effect-codex/testing"
 *
 * const looksUp = Scripted.toolCall("lookup_ticket", { id: "T-42" }, { expect: ({ success }) => success })
 * ```
 */
export const toolCall = (
  tool: string,
  args: unknown,
  options: { readonly expect?: (output: Engine.EngineToolOutput) => boolean } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (turn) {
      if (!turn.options.tools.some((spec) => spec.name === tool)) {
        const given = turn.options.tools.map((spec) => spec.name).join(", ")
        return yield* dieScriptError(
          `the script calls the tool ${tool}, but the thread was given ${given === "" ? "none" : given}`
        )
      }
      const item: Item.ToolCall = {
        _tag: "ToolCall",
        id: turn.nextId("call"),
        tool,
        arguments: args,
        status: "inProgress"
      }
      yield* emit(turn, { _tag: "ItemStarted", item })
      const output = yield* turn.handlers.callTool({ callId: item.id, tool, arguments: args })
      yield* emit(turn, {
        _tag: "ItemCompleted",
        item: {
          ...item,
          status: output.success ? "completed" : "failed",
          output: output.text,
          ...(output.content === undefined ? {} : { content: output.content })
        }
      })
      if (options.expect?.(output) === false) {
        return yield* dieScriptError(
          `the output of the tool ${tool} is not what the script expects: ${output.text}`
        )
      }
    })
  )
