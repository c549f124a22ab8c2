/** `effect-codex trace`: what telemetry leaves behind. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { oneLine } from "../../internal/TerminalText.ts"
import * as Settings from "../../telemetry/config/Settings.ts"
import type * as FlushSpool from "../../telemetry/spool/FlushSpool.ts"
import * as Options from "../Options.ts"
import { code, ExitWith, UsageError } from "../ExitCode.ts"
import { check } from "./traceCheck.ts"

const formatCounts = ({ logs, traces }: FlushSpool.Counts): string =>
  [
    ...(traces > 0 || logs === 0 ? [`${traces} ${traces === 1 ? "span" : "spans"}`] : []),
    ...(logs > 0 ? [`${logs} ${logs === 1 ? "log record" : "log records"}`] : [])
  ].join(", ")

const total = ({ logs, traces }: FlushSpool.Counts): number => traces + logs

const lines = ({
  directory,
  dropped,
  inUse,
  left,
  notes,
  sent
}: FlushSpool.FlushReport): ReadonlyArray<string> => [
  `sent: ${formatCounts(sent)}`,
  ...(total(dropped) > 0 ? [`dropped: ${formatCounts(dropped)}`] : []),
  ...(total(left) > 0 ? [`left in ${oneLine(directory, 400)}: ${formatCounts(left)}`] : []),
  ...(inUse.length > 0 ? [`in use by ${inUse.map((pid) => `pid ${pid}`).join(", ")}`] : []),
  ...notes.map((note) => `  ${oneLine(note, 400)}`)
]

const defaultTimeout = 30_000

const flush = Command.make(
  "flush",
  {
    dir: Flag.String("dir").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription("The spool; default: CODEX_OTLP_SPOOL_DIR"),
      Flag.optional
    ),
    timeout: Flag.String("timeout").pipe(
      Flag.withMetavar("DURATION"),
      Flag.withDescription("How long to try: 500ms, 90s, 5m; default 30s"),
      Flag.filterMap(
        Options.parseDuration,
        (text) => `Expected a duration like 500ms, 90s or 5m, not "${text}"`
      ),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print one object of JSON on stdout"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ dir, json, timeout }) {
    const settings = yield* Settings.CurrentSettings
    const directory = Option.getOrUndefined(dir) ?? settings.spool
    if (directory === undefined)
      return yield* new UsageError({ text: "name the spool with --dir or CODEX_OTLP_SPOOL_DIR" })
    if (settings.disabled) {
      yield* Console.error("the environment says that nothing is to be exported: nothing was sent")
      return yield* new ExitWith({ code: code.failed })
    }
    const { make } = yield* Effect.promise(() => import("../../telemetry/spool/FlushSpool.ts"))
    const { report, run } = make({ directory, ...settings.spoolLimits }, settings)
    const print = Effect.suspend(() => {
      const said = report()
      return json
        ? Console.log(JSON.stringify(said))
        : Effect.forEach(lines(said), (line) => Console.log(line), { discard: true })
    })
    yield* Effect.timeoutOption(
      run,
      Option.getOrElse(timeout, () => defaultTimeout)
    ).pipe(
      Effect.catch((problem) =>
        Effect.andThen(Console.error(oneLine(problem, 600)), new ExitWith({ code: code.failed }))
      ),
      Effect.ensuring(print)
    )
    if (total(report().left) > 0) return yield* new ExitWith({ code: code.failed })
  }, Effect.provide(Settings.layer))
).pipe(Command.withDescription("Send what processes that are gone have left in a spool"))

export const trace = Command.make("trace").pipe(
  Command.withDescription("What telemetry leaves behind"),
  Command.withSubcommands([flush, check])
)
