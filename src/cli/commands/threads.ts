/** `effect-codex threads`: the conversations that Codex keeps. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Nodepath from "node:path"
import { Codex } from "../../Codex.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as AppServer from "../../engine/AppServer.ts"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import { oneLine } from "../../internal/TerminalText.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import type * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as Options from "../Options.ts"
import { code, ExitWith, UsageError } from "../ExitCode.ts"
import * as ProgressReport from "../ProgressReport.ts"
import * as TurnSession from "../TurnSession.ts"

const config = Flag.String("config").pipe(
  Flag.withAlias("c"),
  Flag.withMetavar("key=value"),
  Flag.withDescription("An override of Codex's configuration; may be given many times"),
  Flag.atLeast(0)
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON on stdout, a line for each"),
  Flag.withDefault(false)
)
const thread = Argument.String("THREAD").pipe(
  Argument.withDescription("The id of a conversation, as `threads list` shows it; or `last`")
)

/** Runs against the real Codex; an error is told in its own words, and becomes the exit code. */
const withCodex = <A, R>(
  overrides: ReadonlyArray<string>,
  use: (codex: Codex["Service"]) => Effect.Effect<A, CodexError.CodexError | UsageError | ExitWith, R>
) => Effect.andThen(Options.overrides(overrides), running(overrides, use))

const running = <A, R>(
  overrides: ReadonlyArray<string>,
  use: (codex: Codex["Service"]) => Effect.Effect<A, CodexError.CodexError | UsageError | ExitWith, R>
) =>
  Effect.flatMap(Codex, use).pipe(
    Effect.catch((error) =>
      error._tag === "UsageError" || error._tag === "ExitWith"
        ? Effect.fail(error)
        : Effect.andThen(
            Console.error(error.message),
            Effect.fail(new ExitWith({ code: CodexError.exitCode(error) }))
          )
    ),
    Effect.provide(
      Codex.layer.pipe(
        Layer.provide(AppServer.layerOptions({ config: overrides })),
        Layer.provideMerge(OtlpLayer)
      )
    ),
    Effect.provideService(TurnTelemetry.Originator, "cli")
  )

/** The conversation that is meant. */
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
                  detail: "there is no conversation in this folder"
                })
              ),
            onSome: ({ id }) => Effect.succeed(id)
          })
        )
      )

const formatTime = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ")

const row = (info: ThreadInfo.ThreadInfo, width: number): string =>
  `${info.id}  ${formatTime(info.updatedAt)}  ${oneLine(info.name ?? info.preview, width - 56)}`

const list = Command.make(
  "list",
  {
    archived: Flag.Boolean("archived").pipe(
      Flag.withDescription("Those that were archived"),
      Flag.withDefault(false)
    ),
    everywhere: Flag.Boolean("everywhere").pipe(
      Flag.withDescription("Also those of other programs: the Codex command line, editors, sub-agents"),
      Flag.withDefault(false)
    ),
    cd: Flag.String("cd").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription("Those that work in this folder"),
      Flag.optional
    ),
    search: Flag.String("search").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("Those with this text in their title"),
      Flag.optional
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("At most so many; default 20, 0 for all"),
      Flag.withDefault(20)
    ),
    config,
    json
  },
  Effect.fnUntraced(function* ({ archived, cd, config, everywhere, json, limit, search }) {
    if (limit < 0) return yield* new UsageError({ text: "--limit takes a number from 0 on" })
    const { width } = yield* TurnSession.style
    yield* withCodex(
      config,
      Effect.fnUntraced(function* (codex) {
        const found = codex.listThreads({
          archived,
          everywhere,
          sort: "updated",
          cwd: Option.getOrUndefined(Option.map(cd, (folder) => Nodepath.resolve(folder))),
          search: Option.getOrUndefined(search)
        })
        const count = yield* (limit === 0 ? found : Stream.take(found, limit)).pipe(
          Stream.tap((info) => Console.log(json ? JSON.stringify(info) : row(info, width))),
          Stream.runCount
        )
        if (count === 0 && !json) yield* Console.error("No conversations.")
        if (limit > 0 && count === limit && !json)
          yield* Console.error(`The ${limit} last ones; more with --limit`)
      })
    )
  })
).pipe(Command.withDescription("List conversations, the last one first"))

const outcomes = { completed: "", failed: "failed", interrupted: "interrupted", inProgress: "still running" }

const show = Command.make(
  "show",
  { thread, config, json },
  Effect.fnUntraced(function* ({ config, json, thread }) {
    const style = yield* TurnSession.style
    yield* withCodex(
      config,
      Effect.fnUntraced(function* (codex) {
        const history = yield* codex.readThread(yield* resolveThread(codex, thread))
        if (json) return yield* Console.log(JSON.stringify(history))
        yield* Console.log(`${history.name ?? "(no name)"}  ${history.id}`)
        yield* Console.log(`in ${oneLine(history.cwd, 200)}, begun ${formatTime(history.createdAt)}`)
        for (const turn of history.turns) {
          const took = turn.duration === undefined ? "" : ` ${ProgressReport.duration(turn.duration)}`
          yield* Console.log(`\n── ${turn.id}${took} ${outcomes[turn.status]}`.trimEnd())
          for (const line of ProgressReport.history(turn.items, style)) yield* Console.log(line)
          if (turn.error !== undefined) yield* Console.log(`  ${oneLine(turn.error, 600)}`)
        }
      })
    )
  })
).pipe(Command.withDescription("Show what was said and done in a conversation"))

const fork = Command.make(
  "fork",
  {
    thread,
    through: Flag.String("through").pipe(
      Flag.withMetavar("TURN"),
      Flag.withDescription("Up to and with this turn; default: all of it"),
      Flag.optional
    ),
    config,
    json
  },
  Effect.fnUntraced(function* ({ config, json, through, thread }) {
    yield* withCodex(
      config,
      Effect.fnUntraced(function* (codex) {
        const from = yield* resolveThread(codex, thread)
        const { id } = yield* Effect.scoped(
          codex.forkThread(from, {
            through: Option.getOrUndefined(Option.map(through, (id) => TurnId.make(id)))
          })
        )
        yield* Console.log(json ? JSON.stringify({ id, forkedFrom: from }) : id)
        if (!json) yield* Console.error(`Go on with: effect-codex run --resume ${id}`)
      })
    )
  })
).pipe(Command.withDescription("Make a new conversation out of one"))

const archive = Command.make(
  "archive",
  {
    thread,
    undo: Flag.Boolean("undo").pipe(
      Flag.withDescription("Take it back into the list"),
      Flag.withDefault(false)
    ),
    config
  },
  Effect.fnUntraced(function* ({ config, thread, undo }) {
    // The last one is looked for among those that are in the list.
    if (undo && thread === "last") return yield* new UsageError({ text: "--undo takes an id, not last" })
    yield* withCodex(
      config,
      Effect.fnUntraced(function* (codex) {
        const id = undo ? ThreadId.make(thread) : yield* resolveThread(codex, thread)
        yield* undo ? codex.unarchiveThread(id) : codex.archiveThread(id)
        yield* Console.error(undo ? `${id} is back in the list` : `${id} is archived; back with --undo`)
      })
    )
  })
).pipe(Command.withDescription("Take a conversation out of the list"))

const remove = Command.make(
  "delete",
  {
    thread,
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Do not ask"),
      Flag.withDefault(false)
    ),
    config
  },
  Effect.fnUntraced(function* ({ config, thread, yes }) {
    yield* withCodex(
      config,
      Effect.fnUntraced(function* (codex) {
        const id = yield* resolveThread(codex, thread)
        const { name, preview } = yield* codex.readThread(id)
        if (!yes && !(yield* confirm(`Delete "${oneLine(name ?? preview, 80)}" (${id}) for good?`)))
          return yield* Console.error("Nothing was deleted.")
        yield* codex.deleteThread(id)
        yield* Console.error(`${id} is deleted`)
      })
    )
  })
).pipe(Command.withDescription("Delete a conversation for good"))

/** Asks on the terminal; where there is none, nobody is sure. */
const confirm = Effect.fnUntraced(function* (question: string) {
  const stdio = yield* Stdio.Stdio
  const terminal = yield* Terminal.Terminal
  if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal)))
    return yield* new UsageError({ text: "there is no terminal to ask on; say --yes" })
  yield* Stream.run(Stream.make(`${question} [y/N] `), stdio.stderr({ endOnDone: false })).pipe(Effect.ignore)
  const answer = yield* Effect.catchTag(terminal.readLine, "QuitError", () =>
    Effect.fail(new ExitWith({ code: code.interrupted }))
  )
  return answer.trim().toLowerCase().startsWith("y")
})

export const threads = Command.make("threads").pipe(
  Command.withDescription("The conversations that Codex keeps: list, show, fork, archive, delete"),
  Command.withSubcommands([list, show, fork, archive, remove])
)
