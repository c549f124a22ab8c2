/** `effect-codex review`: has Codex review code and prints its findings. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Review from "../../domain/Review.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ExitWith, UsageError } from "../ExitCode.ts"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"
import * as TurnSession from "../TurnSession.ts"

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

const oneTarget = "name one thing to review: --uncommitted, --branch B, --commit SHA or a text"

/** Returns the target that the command line names. */
const target = Effect.fnUntraced(function* (input: {
  readonly uncommitted: boolean
  readonly branch: Option.Option<string>
  readonly commit: Option.Option<string>
  readonly text: Option.Option<string>
}) {
  const { branch, commit, text, uncommitted } = input
  const named = [uncommitted, Option.isSome(branch), Option.isSome(commit), Option.isSome(text)]
  if (named.filter((is) => is).length !== 1) return yield* new UsageError({ text: oneTarget })
  if (
    Option.exists(branch, (name) => name.trim() === "") ||
    Option.exists(commit, (sha) => sha.trim() === "")
  )
    return yield* new UsageError({ text: "the name of a branch or commit must not be empty" })
  if (Option.isSome(branch)) return Review.branch(branch.value)
  if (Option.isSome(commit)) return Review.commit(commit.value)
  return uncommitted ? Review.uncommitted : Review.custom(yield* Options.prompt(text))
})

export const review = Command.make(
  "review",
  flags,
  Effect.fnUntraced(function* ({ json, sandbox, thread, timeout, ...named }) {
    const { budget, open, services } = yield* ThreadFlags.prepare({
      thread,
      access: { ...ThreadFlags.noAccess, sandbox },
      sandbox: "read-only"
    })
    const exit = yield* TurnSession.run(
      open,
      {
        work: { _tag: "Review", target: yield* target(named) },
        turn: { timeout: Option.getOrUndefined(timeout), budget },
        json
      },
      services,
      OtlpLayer
    )
    if (exit !== 0) return yield* new ExitWith({ code: exit })
  })
).pipe(
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
