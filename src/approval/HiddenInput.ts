/** Reads a line from the terminal without echo. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Terminal from "effect/Terminal"

const keys = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const input = yield* terminal.readInput
  let text = ""
  while (true) {
    const { input: character, key } = yield* Queue.take(input)
    if (key.name === "return" || key.name === "enter") return text
    if (key.name === "backspace") text = [...text].slice(0, -1).join("")
    else if (!key.ctrl && !key.meta) text += Option.getOrElse(character, () => "")
  }
}).pipe(
  Effect.scoped,
  Effect.mapError(() => new Terminal.QuitError({}))
)

/** Reads keys until the end of the line. Fails with `QuitError` if the input ends first. */
export const read = Effect.gen(function* () {
  const text = yield* keys
  const terminal = yield* Terminal.Terminal
  // Node's terminal also buffers the typed keys as a line. Drain it, or it becomes the answer to the next question.
  yield* Effect.timeoutOption(terminal.readLine, "50 millis")
  return text
})
