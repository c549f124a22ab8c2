/** `effect-codex limits`: shows the usage limits of the account. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as RateLimits from "../../domain/RateLimits.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import type { LimitsInput } from "../commands/limitsCommand.ts"
import * as Output from "../Output.ts"
import { withCodex } from "../WithCodex.ts"

/** Formats a window: `42 % of 5h used, resets at 2026-11-22 06:34 UTC, in 1h 12m`. */
const window = ({ resetsAt, usedPercent, windowMillis }: RateLimits.LimitWindow, now: number): string => {
  const rounded = (millis: number) => Duration.format(Duration.minutes(Math.ceil(millis / 60_000)))
  const size = windowMillis === undefined ? "" : ` of ${rounded(windowMillis)}`
  if (resetsAt === undefined) return `${usedPercent} %${size} used`
  const at = new Date(resetsAt).toISOString().slice(0, 16).replace("T", " ")
  const left = resetsAt > now ? `, in ${rounded(resetsAt - now)}` : ""
  return `${usedPercent} %${size} used, resets at ${at} UTC${left}`
}

/** Formats a limit: its name, and a line for each of its windows. */
export const describe = (limit: RateLimits.RateLimit, now: number): ReadonlyArray<string> => {
  const { id, name, plan, primary, reached, secondary } = limit
  const facts = [
    ...(plan === undefined ? [] : [`plan ${plan}`]),
    ...(reached === undefined ? [] : [`reached: ${reached}`])
  ]
  const title = name === undefined || name === id ? id : `${name} (${id})`
  return [
    printableLine([title, ...facts].join(", "), 200),
    ...[primary, secondary].flatMap((each) => (each === undefined ? [] : [`  ${window(each, now)}`]))
  ]
}

export const handle = Effect.fnUntraced(function* ({ config, json }: LimitsInput) {
  yield* withCodex(
    config,
    Effect.fnUntraced(function* (codex) {
      const limits = yield* codex.limits.read
      if (json) return yield* Console.log(jsonLine(limits))
      if (limits.limits.length === 0) return yield* Console.error("The account has no limits.")
      const now = yield* Clock.currentTimeMillis
      for (const limit of limits.limits) yield* Output.printLines(describe(limit, now))
    })
  )
})
