/** `effect-codex goal`: has Codex work, turn after turn, until an objective is reached. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import * as GoalSession from "../GoalSession.ts"
import type { GoalInput } from "../commands/goalCommand.ts"
import * as Inputs from "../Inputs.ts"
import * as ThreadRequest from "../ThreadRequest.ts"

export const handle = Effect.fnUntraced(function* (input: GoalInput) {
  const { access, json, objective, thread, timeout, tokenBudget } = input
  if (Option.exists(tokenBudget, (tokens) => tokens < 1))
    return yield* new UsageError({ text: "--token-budget must be 1 or more" })
  const { open, services } = yield* ThreadRequest.prepare({
    thread,
    access,
    sandbox: "workspace-write",
    options: { goals: true },
    limitsThread: true
  })
  const goal = {
    objective: yield* Inputs.prompt(objective),
    tokenBudget: Option.getOrUndefined(tokenBudget)
  }
  const exit = yield* GoalSession.run(
    open,
    { goal, timeout: Option.getOrUndefined(timeout), json },
    services,
    OtlpLayer
  )
  if (exit !== 0) return yield* new ExitWith({ code: exit })
})
