/** `effect-codex goal`: its flags, description and examples. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
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

export type GoalInput = Command.Command.Config.Infer<typeof flags>

export const goal = Command.make("goal", flags).pipe(
  Command.withDescription("Have Codex work, turn after turn, until an objective is reached"),
  Command.withExamples([
    {
      command: 'effect-codex goal "Every module has a test" --token-budget 300000',
      description: "Stop when the objective is reached or the tokens are used"
    }
  ])
)
