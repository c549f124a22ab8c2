/** `effect-codex demo`: its description. */
import * as Command from "effect/cli/Command"

export const demo = Command.make("demo").pipe(
  Command.withDescription("Watch the real Codex fix a failing test offline, and see its trace"),
  Command.withExamples([{ command: "effect-codex demo", description: "Needs no login and no network" }])
)
