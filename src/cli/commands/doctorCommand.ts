/** `effect-codex doctor`: its flags, description and examples. */
import * as Command from "effect/cli/Command"
import * as Options from "../Options.ts"

const flags = {
  config: Options.config,
  json: Options.json("Print one JSON object on stdout")
}

export type DoctorInput = Command.Command.Config.Infer<typeof flags>

export const doctor = Command.make("doctor", flags).pipe(
  Command.withDescription("Check what turns need, and say what to do about each problem"),
  Command.withExamples([
    { command: "effect-codex doctor", description: "Exit code 1 means that something needed is broken" },
    {
      command: "effect-codex doctor --json | jq '.checks[] | select(.status != \"ok\")'",
      description: "In a script: what is not as it should be"
    }
  ])
)
