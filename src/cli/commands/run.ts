/** `effect-codex run`: runs one turn of the real Codex. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import * as Options from "../Options.ts"
import { ExitWith } from "../ExitCode.ts"
import * as ThreadFlags from "../ThreadFlags.ts"
import * as TurnSession from "../TurnSession.ts"

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

export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(function* ({ access, attach, json, mode, prompt, thread, timeout }) {
    const isPlan = Option.contains(mode, "plan")
    const { budget, open, services } = yield* ThreadFlags.prepare({
      thread,
      access,
      // The sandbox enforces what plan mode only asks of the model.
      sandbox: isPlan ? "read-only" : "workspace-write"
    })
    const text = yield* Options.prompt(prompt)
    const exit = yield* TurnSession.run(
      open,
      {
        work: { _tag: "Prompt", text, attach },
        turn: {
          timeout: Option.getOrUndefined(timeout),
          mode: Option.getOrUndefined(mode),
          budget
        },
        json
      },
      services,
      OtlpLayer
    )
    if (exit !== 0) return yield* new ExitWith({ code: exit })
  })
).pipe(
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
