/** `effect-codex review`: has Codex review code and prints its findings. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Review from "../../domain/Review.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { ReviewInput } from "../commands/reviewCommand.ts"
import * as Inputs from "../Inputs.ts"
import * as ThreadRequest from "../ThreadRequest.ts"
import * as TurnSession from "../TurnSession.ts"

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
  return uncommitted ? Review.uncommitted : Review.custom(yield* Inputs.prompt(text))
})

export const handle = Effect.fnUntraced(function* (input: ReviewInput) {
  const { json, sandbox, thread, timeout, ...named } = input
  const { budget, open, services } = yield* ThreadRequest.prepare({
    thread,
    access: { ...ThreadRequest.noAccess, sandbox },
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
