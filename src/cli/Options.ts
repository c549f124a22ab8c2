/** Flags that several commands share, and the parsing of their values. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Flag from "effect/cli/Flag"
import * as Approval from "../Approval.ts"
import * as DurationText from "../internal/DurationText.ts"
import { UsageError } from "./ExitCode.ts"
import * as RulesFile from "./RulesFile.ts"

export const config = Flag.String("config").pipe(
  Flag.withAlias("c"),
  Flag.withMetavar("key=value"),
  Flag.withDescription("Override a setting of Codex's configuration; can be repeated"),
  Flag.atLeast(0)
)

/** An optional flag with a text value. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** A flag that is off by default. */
export const boolean = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

export const json = (description: string) => boolean("json", description)

export const sandbox = (description: string) =>
  Flag.Literals("sandbox", ["read-only", "workspace-write", "danger-full-access"]).pipe(
    Flag.withDescription(description),
    Flag.optional
  )

export const timeout = (description: string) =>
  Flag.String("timeout").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription(description),
    Flag.filterMap(
      parseDuration,
      (text) => `Expected a duration such as 500ms, 20s, 5m or 1h30m, not "${text}"`
    ),
    Flag.optional
  )

/** Parses `500ms`, `20s`, `5m` or `1h30m` to milliseconds. Returns `None` for any other text and for zero. */
export const parseDuration = (text: string): Option.Option<number> => {
  const millis = DurationText.parseMillis(text, ["ms", "s", "m", "h"]) ?? 0
  return millis > 0 && Number.isFinite(millis) ? Option.some(millis) : Option.none()
}

/** Checks that every `-c` is a `key=value` pair. */
export const validateOverrides = (overrides: ReadonlyArray<string>): Effect.Effect<void, UsageError> => {
  const invalid = overrides.find((override) => !/^[^=\s]+=/.test(override))
  return invalid === undefined
    ? Effect.void
    : Effect.fail(new UsageError({ text: `-c takes key=value, not "${invalid}"` }))
}

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
