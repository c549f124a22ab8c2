/**
 * Makes spans and logs until it is killed or has made its number: `node child.ts COUNT PREFIX`. Each span's id is on stdout,
 * on a line of its own, once it has ended; `open ID` once a tool that never ends has started.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs"
import { flushCompileCache } from "node:module"
import * as Otlp from "../../../src/telemetry/Otlp.ts"

const [count = "0", prefix = "span"] = process.argv.slice(2)
const say = (text: string) => Effect.sync(() => Fs.writeSync(1, `${text}\n`))

const one = (n: number) =>
  Effect.flatMap(Effect.currentSpan, ({ spanId }) => Effect.succeed(spanId)).pipe(
    Effect.withSpan(`${prefix} ${n}`, { attributes: { n, text: `ä "${n}" \n ${"x".repeat(n % 300)}` } }),
    Effect.flatMap(say),
    Effect.andThen(n % 20 === 19 ? Effect.sleep(1) : Effect.void)
  )

const forever = Effect.currentSpan.pipe(
  // The span is on disk by then, because its start is followed by something slow.
  Effect.tap(() => Effect.sleep(20)),
  Effect.flatMap(({ spanId }) => say(`open ${spanId}`)),
  Effect.andThen(Effect.never),
  Effect.withSpan("execute_tool wait", { attributes: { "gen_ai.tool.name": "wait" } }),
  Effect.withSpan("invoke_agent codex")
)

const work = Effect.forEach(
  Array.from({ length: Number(count) }, (_, n) => n),
  one,
  { discard: true }
)
const program = process.argv[4] === "open" ? Effect.andThen(work, forever) : work

// Node keeps the compiled modules at the exit otherwise, which a killed process does not reach.
flushCompileCache()

void Effect.runPromise(program.pipe(Effect.provide(Otlp.OtlpLayer), Effect.provide(Logger.layer([]))))
