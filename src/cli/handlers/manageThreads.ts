/** `effect-codex threads`: lists, shows, forks, archives and deletes the threads that Codex stores. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Nodepath from "node:path"
import * as TerminalPrompt from "../../approval/TerminalPrompt.ts"
import type { Codex } from "../../Codex.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import type * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as DisplayWidth from "../../trace/DisplayWidth.ts"
import * as EventJson from "../../domain/EventJson.ts"
import type {
  ArchiveInput,
  ForkInput,
  ListInput,
  RemoveInput,
  ShowInput
} from "../commands/threadsCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"
import * as Inputs from "../Inputs.ts"
import { withCodex } from "../WithCodex.ts"
import * as Output from "../Output.ts"
import * as ProgressReport from "../ProgressReport.ts"
import * as TerminalStyle from "../TerminalStyle.ts"

/** Resolves `last` to the most recently updated thread of the current directory. Any other name is an id. */
const resolveThread = (
  codex: Codex["Service"],
  name: string
): Effect.Effect<ThreadId, CodexError.StartError> =>
  name !== "last"
    ? Effect.succeed(ThreadId.make(name))
    : Stream.runHead(codex.listThreads({ sort: "updated", cwd: process.cwd() })).pipe(
        Effect.flatMap(
          Option.match({
            onNone: () =>
              Effect.fail(
                new CodexError.InvalidRequest({
                  reason: "ThreadNotFound",
                  method: "thread/list",
                  detail: "there is no thread in this directory"
                })
              ),
            onSome: ({ id }) => Effect.succeed(id)
          })
        )
      )

/** Runs `use` with the real Codex and the id of the thread that the caller named. */
const withThread = <A, R>(
  overrides: ReadonlyArray<string>,
  name: string,
  use: (
    codex: Codex["Service"],
    id: ThreadId
  ) => Effect.Effect<A, CodexError.CodexError | UsageError | ExitWith, R>
) =>
  Effect.andThen(
    validate(overrides, name),
    withCodex(overrides, (codex) => Effect.flatMap(resolveThread(codex, name), (id) => use(codex, id)))
  )

/** Checks the arguments before Codex starts. */
const validate = (overrides: ReadonlyArray<string>, name: string) =>
  Effect.andThen(Inputs.validateOverrides(overrides), Inputs.validateThread("THREAD", name))

const formatTime = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ")

/** The width from which a thread and its title fit on one line, and that from which its directory fits too. */
const oneLine = 76
const withDirectory = 140

/** Formats a thread: its id, the time of its last turn, its title; on a wide terminal its directory too. */
export const row = (info: ThreadInfo.ThreadInfo, width: number): ReadonlyArray<string> => {
  const { cwd, id, updatedAt } = info
  const title = (columns: number) => printableLine(info.name ?? info.preview, columns)
  const time = formatTime(updatedAt)
  if (width < oneLine) return [id.slice(0, width), `  ${time}`.slice(0, width), `  ${title(width - 2)}`]
  if (width < withDirectory) return [`${id}  ${time}  ${title(width - 56)}`]
  const columns = Math.min(60, Math.floor((width - 58) / 2))
  return [
    `${id}  ${time}  ${DisplayWidth.fill(printableLine(cwd, columns), columns)}  ${title(width - 58 - columns)}`
  ]
}

export const list = Effect.fnUntraced(function* ({
  archived,
  cd,
  config,
  everywhere,
  json,
  limit,
  search
}: ListInput) {
  if (limit < 0) return yield* new UsageError({ text: "--limit must be 0 or more" })
  const { width } = TerminalStyle.of(process.stdout)
  yield* withCodex(
    config,
    Effect.fnUntraced(function* (codex) {
      const matching = codex.listThreads({
        archived,
        everywhere,
        sort: "updated",
        cwd: Option.getOrUndefined(Option.map(cd, (directory) => Nodepath.resolve(directory))),
        search: Option.getOrUndefined(search)
      })
      const count = yield* (limit === 0 ? matching : Stream.take(matching, limit)).pipe(
        Stream.tap((info) => Console.log(json ? jsonLine(info) : row(info, width).join("\n"))),
        Stream.runCount
      )
      if (count === 0 && !json) yield* Console.error("No threads.")
      if (limit > 0 && count === limit && !json)
        yield* Console.error(`These are the last ${limit} threads; use --limit to see more`)
    })
  )
})

const outcomes = { completed: "", failed: "failed", interrupted: "interrupted", inProgress: "still running" }

export const show = Effect.fnUntraced(function* ({ config, json, thread }: ShowInput) {
  const style = TerminalStyle.of(process.stdout)
  yield* withThread(
    config,
    thread,
    Effect.fnUntraced(function* (codex, id) {
      const history = yield* codex.readThread(id)
      if (json) return yield* Console.log(jsonLine(EventJson.history(history)))
      yield* Output.print(`${history.name ?? "(no name)"}  ${history.id}`)
      yield* Output.printLines([
        `in ${printableLine(history.cwd, 200)}, started ${formatTime(history.createdAt)}`
      ])
      for (const turn of history.turns) {
        const took =
          turn.durationMillis === undefined ? "" : ` ${ProgressReport.duration(turn.durationMillis)}`
        yield* Output.print(`\n── ${turn.id}${took} ${outcomes[turn.status]}`.trimEnd())
        for (const line of ProgressReport.history(turn.items, style)) yield* Console.log(line)
        if (turn.error !== undefined) yield* Console.log(`  ${printableLine(turn.error, 600)}`)
      }
    })
  )
})

export const fork = Effect.fnUntraced(function* ({ config, json, through, thread }: ForkInput) {
  yield* withThread(
    config,
    thread,
    Effect.fnUntraced(function* (codex, from) {
      const { id } = yield* Effect.scoped(
        codex.forkThread(from, {
          through: Option.getOrUndefined(Option.map(through, (id) => TurnId.make(id)))
        })
      )
      yield* Output.print(json ? jsonLine({ id, forkedFrom: from }) : id)
      if (!json) yield* Console.error(`Continue with: effect-codex run --resume ${id}`)
    })
  )
})

export const archive = Effect.fnUntraced(function* ({ config, thread, undo }: ArchiveInput) {
  // `last` looks for threads that are not archived.
  if (undo && thread === "last")
    return yield* new UsageError({
      text: "--undo needs the id of a thread; `last` finds only threads that are not archived"
    })
  yield* validate(config, thread)
  yield* withCodex(
    config,
    Effect.fnUntraced(function* (codex) {
      const id = undo ? ThreadId.make(thread) : yield* resolveThread(codex, thread)
      yield* undo ? codex.unarchiveThread(id) : codex.archiveThread(id)
      yield* Console.error(undo ? `Restored ${id}` : `Archived ${id}; restore it with --undo`)
    })
  )
})

export const remove = Effect.fnUntraced(function* ({ config, thread, yes }: RemoveInput) {
  yield* withThread(
    config,
    thread,
    Effect.fnUntraced(function* (codex, id) {
      const { name, preview } = yield* codex.readThread(id)
      if (!yes && !(yield* confirm(`Permanently delete "${printableLine(name ?? preview, 80)}" (${id})?`)))
        return yield* Console.error("Nothing was deleted.")
      yield* codex.deleteThread(id)
      yield* Console.error(`Deleted ${id}`)
    })
  )
})

/** Asks for confirmation on the terminal. Fails without a terminal, so that a script must pass `--yes`. */
const confirm = Effect.fnUntraced(function* (question: string) {
  const stdio = yield* Stdio.Stdio
  if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal)))
    return yield* new UsageError({ text: "there is no terminal to ask for confirmation on; pass --yes" })
  return yield* TerminalPrompt.confirm(question).pipe(
    Effect.catchTag("QuitError", () => Effect.fail(new ExitWith({ code: code.interrupted }))),
    Effect.catchTag("PlatformError", () => Effect.fail(new ExitWith({ code: code.failed })))
  )
})
