/** `effect-codex review`: its flags, description and examples. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"

const flags = {
  uncommitted: Options.boolean("uncommitted", "Review staged, unstaged and untracked changes"),
  branch: Options.text(
    "branch",
    "B",
    "Review what a merge of the current branch into this branch would bring"
  ),
  commit: Options.text("commit", "SHA", "Review one commit"),
  sandbox: Options.sandbox(
    "What the commands of the review can access; default: read-only, or the resumed thread's own"
  ),
  thread: ThreadFlags.flags,
  timeout: Options.timeout("The maximum duration of the review: 500ms, 20s, 5m, 1h30m; default: 30m"),
  json: Options.json("Print every event as a line of JSON on stdout; the last has the findings"),
  text: Argument.String("TEXT").pipe(
    Argument.withDescription("What to review, in words; read from stdin if it is -"),
    Argument.optional
  )
}

export type ReviewInput = Command.Command.Config.Infer<typeof flags>

export const review = Command.make("review", flags).pipe(
  Command.withDescription("Review code and print the findings"),
  Command.withExamples([
    { command: "effect-codex review --uncommitted", description: "Review everything that is not committed" },
    {
      command: "effect-codex review --branch main --json | tail -1 | jq .review.findings",
      description: "In a script: the findings as JSON"
    },
    {
      command: 'effect-codex review "Look for races in src/queue.ts"',
      description: "Review what a text says"
    }
  ])
)
