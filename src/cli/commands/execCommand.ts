/** `effect-codex exec`: its flags, description and examples. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

const flags = {
  cd: Options.text("cd", "DIR", "The directory to work in; default: the current directory"),
  sandbox: Options.sandbox("What the command can access; default: read-only"),
  env: Flag.String("env").pipe(
    Flag.withMetavar("NAME=VALUE"),
    Flag.withDescription(
      "A variable of the command, in addition to those of the agent's commands; can be repeated"
    ),
    Flag.atLeast(0)
  ),
  tty: Options.boolean("tty", "Run the command in a terminal of its own, which this terminal shows"),
  timeout: Options.timeout("The maximum duration of the command: 500ms, 20s, 5m, 1h30m; default: none"),
  config: Options.config,
  json: Options.json("Print the outputs and the end as lines of JSON on stdout"),
  command: Argument.String("COMMAND").pipe(
    Argument.withDescription("The program and its arguments, after --; no shell interprets them"),
    Argument.atLeast(1)
  )
}

export type ExecInput = Command.Command.Config.Infer<typeof flags>

export const exec = Command.make("exec", flags).pipe(
  Command.withDescription("Run a command in Codex's sandbox, without a model"),
  Command.withExamples([
    { command: "effect-codex exec -- npm test", description: "Run the tests, which cannot write" },
    {
      command: "effect-codex exec --sandbox workspace-write --timeout 5m -- npm run build",
      description: "Let the command write below the directory"
    },
    { command: "effect-codex exec --tty -- bash", description: "Work in a shell in the sandbox" }
  ])
)
