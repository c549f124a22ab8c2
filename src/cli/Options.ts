/** What is given on the command line, as values. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as DurationText from "../internal/DurationText.ts"
import * as Approval from "../Approval.ts"
import { UsageError } from "./ExitCode.ts"

/** Parses `500ms`, `20s`, `5m` or `1h30m` into milliseconds; none for any other text and for zero. */
export const parseDuration = (text: string): Option.Option<number> => {
  const millis = DurationText.parseMillis(text, ["ms", "s", "m", "h"])
  return millis !== undefined && millis > 0 && Number.isFinite(millis) ? Option.some(millis) : Option.none()
}

/** What `-c` was given, where each is an override that Codex can be told. */
export const overrides = (given: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, UsageError> => {
  const bad = given.find((override) => !/^[^=\s]+=/.test(override))
  return bad === undefined
    ? Effect.succeed(given)
    : Effect.fail(new UsageError({ text: `-c takes key=value, not "${bad}"` }))
}

/** A file of rules for `--approve`. */
export const RulesFile = Schema.Array(Approval.ApprovalRule)

const decodeRules = Schema.decodeUnknownEffect(Schema.fromJsonString(RulesFile), {
  onExcessProperty: "error"
})

/** `never`, `ask`, `all` or the path of a file of rules, as a policy. Without the flag: ask where there is a terminal. */
export const policy = Effect.fnUntraced(function* (
  approve: Option.Option<string>
): Effect.fn.Return<
  Approval.Policy<Approval.PromptServices>,
  UsageError,
  FileSystem.FileSystem | Stdio.Stdio
> {
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
  const fs = yield* FileSystem.FileSystem
  const file = approve.value
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError(
      () =>
        new UsageError({
          text: `--approve: cannot read "${file}"; it takes never, ask, all or a file of rules`
        })
    )
  )
  const rules = yield* decodeRules(text).pipe(
    Effect.mapError(
      (error) => new UsageError({ text: `--approve: "${file}" is not a list of rules:\n${error.message}` })
    )
  )
  return Approval.rules(rules)
})

/** The prompt as given, or from stdin where it is missing or `-`. */
export const prompt = Effect.fnUntraced(function* (
  given: Option.Option<string>
): Effect.fn.Return<string, UsageError, Stdio.Stdio> {
  const stdio = yield* Stdio.Stdio
  const text =
    Option.isSome(given) && given.value !== "-"
      ? given.value
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
    return yield* new UsageError({ text: "there is no prompt; give one, or pipe one in" })
  return text
})
