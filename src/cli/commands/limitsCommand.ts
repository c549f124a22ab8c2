/** `effect-codex limits`: its flags and description. */
import * as Command from "effect/cli/Command"
import * as Options from "../Options.ts"

const flags = { config: Options.config, json: Options.json("Print one JSON object on stdout") }

export type LimitsInput = Command.Command.Config.Infer<typeof flags>

export const limits = Command.make("limits", flags).pipe(
  Command.withDescription("Show how much of the account's usage limits is used, and when they reset"),
  Command.withExamples([
    {
      command: "effect-codex limits",
      description: "Show the limits of the account that Codex is logged in with"
    }
  ])
)
