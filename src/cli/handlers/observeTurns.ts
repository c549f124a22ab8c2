/** `effect-codex turns`: lists, watches and interrupts durable turns. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CodexError from "../../domain/CodexError.ts"
import * as EventJson from "../../domain/EventJson.ts"
import type { EventLine, ItemLine } from "../../domain/EventJson.ts"
import type { DurableTurnRecord } from "../../durable/DurableRecords.ts"
import { jsonLine, printable, printableLine } from "../../internal/VisibleText.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { TurnsInterruptInput, TurnsListInput, TurnsWatchInput } from "../commands/durableCommands.ts"
import { code } from "../ExitCode.ts"
import * as Output from "../Output.ts"
import * as TerminalStyle from "../TerminalStyle.ts"
import { withDurable } from "../WithDurable.ts"

const formatTime = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ")

const row = ({ key, status, submittedAt, thread }: DurableTurnRecord): string =>
  `${formatTime(submittedAt)}  ${status.padEnd(11)}  ${key}  ${thread}`

export const list = Effect.fnUntraced(function* ({ db, json, limit, status, thread }: TurnsListInput) {
  if (limit < 1) return yield* new UsageError({ text: "--limit must be 1 or more" })
  yield* withDurable(
    db,
    Effect.fnUntraced(function* ({ turns }) {
      const found = yield* turns({
        thread: Option.getOrUndefined(thread),
        status: Option.isNone(status) ? undefined : [status.value],
        limit
      })
      for (const turn of found) yield* Output.print(json ? jsonLine(turn) : row(turn))
      if (found.length === 0 && !json) yield* Console.error("No turns.")
    })
  )
})

/** One line for a piece of work that has ended, or nothing for an item that a person does not need. */
const workLine = (item: ItemLine, width: number): string | undefined => {
  switch (item.type) {
    case "command_execution":
      return `$ ${printableLine(item.command, width)}`
    case "tool_call":
      return `⚒ ${printableLine(item.tool, width)}`
    case "mcp_tool_call":
      return `⚒ ${printableLine(`${item.server}/${item.tool}`, width)}`
    case "file_change":
      return item.changes.map(({ kind, path }) => `± ${kind} ${printableLine(path, width)}`).join("\n")
    case "agent_message":
      return printable(item.text)
    default:
      return undefined
  }
}

const describe = (line: EventLine, width: number): string | undefined => {
  switch (line.type) {
    case "item.completed":
      return workLine(line.item, width)
    case "approval.requested":
      return "? waits for an approval: see `effect-codex approvals list`"
    case "approval.decided":
      return `? ${line.decision}`
    default:
      return undefined
  }
}

export const watch = Effect.fnUntraced(function* ({ db, json, key }: TurnsWatchInput) {
  const { width } = TerminalStyle.of(process.stdout)
  yield* withDurable(
    db,
    Effect.fnUntraced(function* (durable) {
      yield* Stream.runForEach(durable.watch(key), (line) => {
        if (json) return Output.print(jsonLine(line))
        const text = describe(line, width - 2)
        return text === undefined ? Effect.void : Output.print(text)
      }).pipe(
        // The last line of JSON has the error, as that of `run`.
        Effect.tapError((error) =>
          json
            ? Output.print(
                jsonLine(EventJson.last(undefined, error, { threadId: undefined, turnId: undefined }))
              )
            : Effect.void
        )
      )
      const outcome = yield* durable.poll(key)
      // The exit code is that of the turn, as that of `run`. The last line of JSON has the error already.
      if (Option.isNone(outcome) || Exit.isSuccess(outcome.value)) return
      const error = Option.getOrUndefined(Exit.findErrorOption(outcome.value))
      if (error === undefined) return yield* new ExitWith({ code: code.failed })
      if (!json) yield* Output.printError(`${error._tag}: ${error.message}`)
      return yield* new ExitWith({ code: CodexError.exitCode(error) })
    })
  )
})

export const interrupt = Effect.fnUntraced(function* ({ db, key }: TurnsInterruptInput) {
  yield* withDurable(
    db,
    Effect.fnUntraced(function* (durable) {
      yield* durable.interrupt(key)
      const { status } = yield* durable.turn(key)
      yield* Output.printError(
        status === "running" || status === "waiting" || status === "submitted"
          ? `Its worker interrupts ${key}`
          : `${key} is ${status}`
      )
    })
  )
})
