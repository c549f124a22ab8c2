/** What handlers make of flags and stdin: the approval policy, the prompt, checked overrides. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Approval from "../Approval.ts"
import { UsageError } from "./CommandEnd.ts"
import * as RulesFile from "./RulesFile.ts"

/** Checks that every `-c` is a `key=value` pair. */
export const validateOverrides = (overrides: ReadonlyArray<string>): Effect.Effect<void, UsageError> => {
  const invalid = overrides.find((override) => !/^[^=\s]+=/.test(override))
  return invalid === undefined
    ? Effect.void
    : Effect.fail(new UsageError({ text: `-c takes key=value, not "${invalid}"` }))
}

const threadId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Checks the name of a thread before anything starts: `last`, or an id in the format that Codex uses. */
export const validateThread = (given: string, name: string): Effect.Effect<void, UsageError> =>
  name === "last" || threadId.test(name)
    ? Effect.void
    : Effect.fail(
        new UsageError({
          text: `${given}: "${name}" is not the id of a thread; pass an id, as \`effect-codex threads list\` prints it, or last`
        })
      )

/**
 * The policy for `--approve`: `never`, `ask`, `all` or the path of a rules file. Without the flag, asks on the terminal if
 * stdin and stderr are one and declines otherwise.
 */
export const policy = Effect.fnUntraced(function* (
  approve: Option.Option<string>,
  target: RulesFile.RulesTarget = {}
): Effect.fn.Return<Approval.Policy<Approval.PromptServices>, UsageError, Stdio.Stdio> {
  if (Option.isNone(approve)) {
    const stdio = yield* Stdio.Stdio
    return (yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal) ? Approval.prompt : Approval.deny
  }
  switch (approve.value) {
    case "never":
      return Approval.deny
    case "ask":
      return Approval.prompt
    case "all":
      return Approval.allow
  }
  return yield* RulesFile.policy(approve.value, target)
})

/** The prompt argument, or the text on stdin if the argument is missing or `-`. */
export const prompt = Effect.fnUntraced(function* (
  argument: Option.Option<string>
): Effect.fn.Return<string, UsageError, Stdio.Stdio> {
  const stdio = yield* Stdio.Stdio
  const text =
    Option.isSome(argument) && argument.value !== "-"
      ? argument.value
      : yield* Effect.gen(function* () {
          if (yield* stdio.stdinIsTerminal) {
            const hint = Stream.make("Type the prompt, then Ctrl-D:\n")
            yield* Effect.ignore(Stream.run(hint, stdio.stderr({ endOnDone: false })))
          }
          return yield* stdio.stdin.pipe(
            Stream.decodeText(),
            Stream.mkString,
            Effect.orElseSucceed(() => "")
          )
        })
  if (text.trim() === "")
    return yield* new UsageError({ text: "there is no prompt; pass one as an argument or on stdin" })
  return text
})
