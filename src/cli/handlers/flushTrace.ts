/** `effect-codex trace flush`: sends stored telemetry. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import * as Settings from "../../telemetry/config/Settings.ts"
import type * as FlushSpool from "../../telemetry/spool/FlushSpool.ts"
import type { FlushInput } from "../commands/traceCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"
import * as Output from "../Output.ts"

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
  ...(total(left) > 0 ? [`left in ${printableLine(directory, 400)}: ${formatCounts(left)}`] : []),
  ...(inUse.length > 0 ? [`in use by ${inUse.map((pid) => `pid ${pid}`).join(", ")}`] : []),
  ...notes.map((note) => `  ${printableLine(note, 400)}`)
]

const defaultTimeout = 30_000

export const handle = Effect.fnUntraced(function* ({ dir, json, timeout }: FlushInput) {
  const settings = yield* Settings.CurrentSettings
  const directory = Option.getOrUndefined(dir) ?? settings.spool
  if (directory === undefined)
    return yield* new UsageError({ text: "there is no spool directory; set --dir or CODEX_OTLP_SPOOL_DIR" })
  if (settings.disabled) {
    yield* Console.error("nothing was sent: OTEL_SDK_DISABLED or CODEX_OTLP_ENABLE turns telemetry off")
    return yield* new ExitWith({ code: code.failed })
  }
  const { make } = yield* Effect.promise(() => import("../../telemetry/spool/FlushSpool.ts"))
  const { report, run } = make({ directory, ...settings.spoolLimits }, settings)
  const print = Effect.suspend(() => {
    const current = report()
    return json ? Console.log(jsonLine(current)) : Output.printLines(lines(current))
  })
  yield* Effect.timeoutOption(
    run,
    Option.getOrElse(timeout, () => defaultTimeout)
  ).pipe(
    Effect.catch((problem) =>
      Effect.andThen(Console.error(printableLine(problem, 600)), new ExitWith({ code: code.failed }))
    ),
    Effect.ensuring(print)
  )
  if (total(report().left) > 0) return yield* new ExitWith({ code: code.failed })
}, Effect.provide(Settings.layer))
