/** Reading a line from the terminal that the terminal does not show. */
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

/** Keys until the line ends; fails with `QuitError` where they end before. */
export const read = Effect.gen(function* () {
  const text = yield* keys
  const terminal = yield* Terminal.Terminal
  // Node's terminal keeps what was typed as a line, too: left there, it would be the answer to the next question.
  yield* Effect.timeoutOption(terminal.readLine, "50 millis")
  return text
})
