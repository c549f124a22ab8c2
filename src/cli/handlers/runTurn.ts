/** `effect-codex run`: runs one turn of the real Codex. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import type { RunInput } from "../commands/runCommand.ts"
import { ExitWith } from "../CommandEnd.ts"
import * as Inputs from "../Inputs.ts"
import * as ThreadRequest from "../ThreadRequest.ts"
import * as TurnSession from "../TurnSession.ts"

export const handle = Effect.fnUntraced(function* (input: RunInput) {
  const { access, attach, json, mode, prompt, thread, timeout } = input
  const isPlan = Option.contains(mode, "plan")
  const { budget, open, services } = yield* ThreadRequest.prepare({
    thread,
    access,
    // The sandbox enforces what plan mode only asks of the model.
    sandbox: isPlan ? "read-only" : "workspace-write"
  })
  const text = yield* Inputs.prompt(prompt)
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
