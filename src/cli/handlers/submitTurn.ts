/** `effect-codex submit`: adds a durable turn to the queue of its thread. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Nodepath from "node:path"
import type { DurableThreadOptions } from "../../durable/DurableInput.ts"
import { jsonLine } from "../../internal/VisibleText.ts"
import { UsageError } from "../CommandEnd.ts"
import type { SubmitInput } from "../commands/durableCommands.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"
import { withDurable } from "../WithDurable.ts"

const present = <K extends string, A>(name: K, value: Option.Option<A>) =>
  Option.isNone(value) ? {} : { [name]: value.value }

/** The options that the flags name. A thread that is continued keeps what they do not name. */
const threadOptions = (input: SubmitInput): DurableThreadOptions => {
  const isNew = Option.isNone(input.thread)
  const cwd = Option.map(
    Option.orElse(input.cd, () => (isNew ? Option.some(".") : Option.none())),
    (directory) => Nodepath.resolve(directory)
  )
  const sandbox = Option.orElse(input.sandbox, () =>
    isNew ? Option.some("workspace-write" as const) : Option.none()
  )
  return {
    ...present("cwd", cwd),
    ...present("sandbox", sandbox),
    ...present("model", input.model),
    ...present("effort", input.effort),
    ...present("mode", input.mode),
    ...(isNew ? { approvalMode: "on-request" as const } : {}),
    ...(input.network ? { network: true } : {}),
    ...(input.addDir.length === 0
      ? {}
      : { additionalDirectories: input.addDir.map((directory) => Nodepath.resolve(directory)) })
  }
}

export const handle = Effect.fnUntraced(function* (input: SubmitInput) {
  if (input.network && Option.isNone(input.sandbox) && Option.isSome(input.thread))
    return yield* new UsageError({ text: "--network needs --sandbox if a thread is continued" })
  if (Option.exists(input.tokens, (tokens) => tokens < 1))
    return yield* new UsageError({ text: "--max-tokens must be 1 or more" })
  const text = yield* Inputs.prompt(input.prompt)
  yield* withDurable(
    input.db,
    Effect.fnUntraced(function* (durable) {
      const turn = yield* durable.submit(text, {
        ...threadOptions(input),
        key: input.key,
        thread: Option.getOrUndefined(input.thread),
        timeout: Option.getOrUndefined(input.timeout),
        recovery: Option.getOrUndefined(input.recovery),
        user: Option.getOrUndefined(input.user),
        team: Option.getOrUndefined(input.team),
        ...Option.match(input.tokens, { onNone: () => ({}), onSome: (tokens) => ({ budget: { tokens } }) })
      })
      yield* Output.print(input.json ? jsonLine(turn) : turn.key)
    })
  )
})
