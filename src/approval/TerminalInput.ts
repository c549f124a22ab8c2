/** Reads answers from the terminal key by key. Keys that were typed before the question was shown are no answer to it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import { maximum } from "../internal/TextWidth.ts"
import { visibleLine } from "../internal/VisibleText.ts"

/**
 * The services that reading and writing on the terminal need.
 * @since 0.1.0
 * @category models
 */
export type PromptServices = Terminal.Terminal | Stdio.Stdio

/** Writes on stderr, because stdout carries the result. */
export const write = (text: string) =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false })))

type Keys = Effect.Success<Terminal.Terminal["readInput"]>

/** The next key. The queue ends with Ctrl-C, Ctrl-D, Escape and the end of the input. */
const take = (keys: Keys) => Effect.mapError(Queue.take(keys), () => new Terminal.QuitError({}))

const isReturn = ({ key }: Terminal.UserInput): boolean => key.name === "return" || key.name === "enter"

/** Discards keys until none arrives. Two timers in a row, so that the process reads its input at least once in between. */
const discardTyped = Effect.fnUntraced(function* (keys: Keys) {
  while (true) {
    yield* Effect.sleep("25 millis")
    yield* Effect.sleep("25 millis")
    const typed = yield* Queue.clear(keys)
    if (typed.length === 0) return
  }
})

/**
 * Discards the lines that Node's terminal keeps of the typed keys. Another reader of the terminal would get them as its
 * input, secrets included.
 */
const discardLines = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  while (Option.isSome(yield* Effect.timeoutOption(terminal.readLine, "30 millis"))) continue
}).pipe(Effect.ignore)

/** Shows `question` in raw mode, where it is the first that can be answered, and runs `use` with the keys typed after it. */
const withKeys = <A, E, R>(question: string, use: (keys: Keys) => Effect.Effect<A, E, R>) =>
  Terminal.Terminal.use((terminal) => terminal.readInput).pipe(
    Effect.flatMap((keys) =>
      Effect.gen(function* () {
        yield* discardTyped(keys)
        yield* write(question)
        return yield* use(keys)
      })
    ),
    Effect.scoped,
    Effect.tap(discardLines)
  )

const eraseColumn = "\b \b"

/** Shows a question and reads a line, with `echo` of what is typed. Fails with `QuitError` if the input ends first. */
export const readLine = (question: string, options: { readonly echo: boolean } = { echo: true }) =>
  withKeys(
    question,
    Effect.fnUntraced(function* (keys) {
      const typed: Array<string> = []
      const show = (text: string) => (options.echo ? write(text) : Effect.void)
      while (true) {
        const { input, key } = yield* take(keys)
        if (isReturn({ input, key })) {
          yield* write("\n")
          return typed.join("")
        }
        if (key.name === "backspace") {
          const last = typed.pop()
          if (last !== undefined) yield* show(eraseColumn.repeat(maximum(visibleLine(last))))
        } else if (!key.ctrl && !key.meta && Option.isSome(input)) {
          typed.push(input.value)
          yield* show(visibleLine(input.value))
        }
      }
    })
  )

/** Shows a question and reads keys until one has a meaning. Clears the question's line. */
export const readKey = <A>(question: string, meaning: (key: string) => A | undefined) =>
  withKeys(
    question,
    Effect.fnUntraced(function* (keys) {
      while (true) {
        const typed = yield* take(keys)
        const found = meaning(isReturn(typed) ? "return" : typed.key.name)
        if (found === undefined) continue
        yield* write(`\r${" ".repeat(maximum(question))}\r`)
        return found
      }
    })
  )
