/** `effect-codex trace html`: writes a page that shows the turns in files of telemetry. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as Prices from "../../domain/Prices.ts"
import { printableLine } from "../../internal/VisibleText.ts"
import * as PageAssets from "../../trace-page/PageAssets.ts"
import * as PageContent from "../../trace-page/PageContent.ts"
import * as PageMarkup from "../../trace-page/PageMarkup.ts"
import * as TraceReader from "../../trace/reader/TraceReader.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { WritePageInput } from "../commands/traceHtmlCommand.ts"
import { code } from "../ExitCode.ts"
import * as PriceFlags from "../PriceFlags.ts"
import * as TraceInput from "../TraceInput.ts"

const readPrices = (texts: ReadonlyArray<string>): Effect.Effect<Prices.PriceOf, UsageError> =>
  Effect.gen(function* () {
    const table = new Map<string, Prices.Price>()
    for (const text of texts) {
      const entry = PriceFlags.parsePrice(text)
      if (entry === undefined)
        return yield* new UsageError({
          text: `--price takes MODEL=INPUT,OUTPUT or MODEL=INPUT,OUTPUT,CACHED, not "${text}"`
        })
      table.set(entry[0], entry[1])
    }
    return (model) => table.get(model)
  })

const usage = (error: Error) => new UsageError({ text: error.message })

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

export const handle = Effect.fnUntraced(function* ({ files, limit, out, price }: WritePageInput) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const priceOf = yield* readPrices(price)
  if (files.some((file) => path.resolve(file) === path.resolve(out)))
    return yield* new UsageError({ text: `--out: "${out}" is one of the files to read` })
  const scan = yield* Effect.mapError(TraceReader.scan(files), usage)
  if (scan.turns.length === 0) {
    yield* TraceInput.report(0, scan.report)
    yield* Console.error("There is no turn in these files.")
    return yield* new ExitWith({ code: code.failed })
  }
  const keys = PageContent.chooseTurns(scan.turns, { ...PageContent.defaultLimits, turns: limit })
  const traces = yield* Effect.mapError(scan.read(keys), usage)
  const page = PageMarkup.render(
    {
      files: files.map((file) => path.basename(file)),
      turns: traces.map((trace) => PageContent.withCosts(trace, priceOf)),
      omittedTurns: scan.report.omittedTurns + scan.turns.length - traces.length,
      badLines: scan.report.bad
    },
    yield* PageAssets.load
  )
  // A trace may contain prompts and outputs, so that only its owner may read the page. An existing file keeps its mode when it
  // is written.
  yield* Effect.ignore(fs.chmod(out, 0o600))
  yield* Effect.mapError(
    fs.writeFileString(out, page, { mode: 0o600 }),
    (error) => new UsageError({ text: `--out: cannot write "${out}": ${error.message}` })
  )
  const spans = traces.reduce((sum, trace) => sum + trace.spans.length, 0)
  const left = scan.turns.length - traces.length
  yield* Console.error(
    `${plural(traces.length, "turn")}, ${plural(spans, "span")}` +
      `${left > 0 ? `; left out ${plural(left, "older turn")}` : ""}` +
      `${scan.report.bad > 0 ? `; could not read ${plural(scan.report.bad, "line")}` : ""}`
  )
  yield* Console.log(printableLine(out, 4_000))
})
