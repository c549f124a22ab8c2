/** `effect-codex goal`: has Codex work, turn after turn, until an objective is reached. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ExitWith, UsageError } from "../ExitCode.ts"
import * as GoalSession from "../GoalSession.ts"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"

const flags = {
  thread: ThreadFlags.flags,
  access: ThreadFlags.access,
  tokenBudget: Flag.Int("token-budget").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The number of tokens after which Codex ends the goal as budgetLimited"),
    Flag.optional
  ),
  timeout: Options.timeout("The maximum duration of the goal: 500ms, 20s, 5m, 1h30m; default: none"),
  json: Options.json("Print every event as a line of JSON on stdout"),
  objective: Argument.String("OBJECTIVE").pipe(
    Argument.withDescription("What to reach; read from stdin if it is missing or -"),
    Argument.optional
  )
}

export const goal = Command.make(
  "goal",
  flags,
  Effect.fnUntraced(function* ({ access, json, objective, thread, timeout, tokenBudget }) {
    if (Option.exists(tokenBudget, (tokens) => tokens < 1))
      return yield* new UsageError({ text: "--token-budget must be 1 or more" })
    const { open, services } = yield* ThreadFlags.prepare({
      thread,
      access,
      sandbox: "workspace-write",
      options: { goals: true },
      limitsThread: true
    })
    const goal = {
      objective: yield* Options.prompt(objective),
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
).pipe(
  Command.withDescription("Have Codex work, turn after turn, until an objective is reached"),
  Command.withExamples([
    {
      command: 'effect-codex goal "Every module has a test" --token-budget 300000',
      description: "Stop when the objective is reached or the tokens are used"
    }
  ])
)
