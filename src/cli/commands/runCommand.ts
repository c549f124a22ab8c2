/** `effect-codex run`: its flags, description and examples. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"

const flags = {
  thread: ThreadFlags.flags,
  access: ThreadFlags.access,
  mode: Flag.Literals("mode", ["default", "plan"]).pipe(
    Flag.withDescription(
      "plan: propose a plan instead of changing files, in the sandbox read-only by default; default: the thread's own"
    ),
    Flag.optional
  ),
  attach: Flag.String("attach").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("A file to attach to the prompt; can be repeated"),
    Flag.atLeast(0)
  ),
  timeout: Options.timeout("The maximum duration of the turn: 500ms, 20s, 5m, 1h30m; default: 30m"),
  json: Options.json("Print every event as a line of JSON on stdout"),
  prompt: Argument.String("PROMPT").pipe(
    Argument.withDescription("What to do; read from stdin if it is missing or -"),
    Argument.optional
  )
}

export type RunInput = Command.Command.Config.Infer<typeof flags>

export const run = Command.make("run", flags).pipe(
  Command.withDescription("Run one turn of Codex and show what it does"),
  Command.withExamples([
    {
      command: 'effect-codex run "Fix the failing test"',
      description: "Work in the current directory and ask on the terminal"
    },
    {
      command:
        'effect-codex run --cd ../app --approve ~/rules.json --timeout 10m --json "Update the changelog"',
      description: "In a script: rules decide about approvals, and events go to stdout"
    },
    {
      command: 'effect-codex run --mode plan "Split the parser in two"',
      description: "Propose a plan without changing files"
    }
  ])
)
