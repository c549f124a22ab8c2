/** Prints text that comes from outside: printable on a terminal, unchanged in a file or pipe. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { formatWithOptions } from "node:util"
import { printable, printableWithColours } from "../internal/VisibleText.ts"
import * as TerminalStyle from "./TerminalStyle.ts"
import * as WrapText from "./WrapText.ts"

const forReader = (terminal: boolean, text: string): string => (terminal ? printable(text) : text)

/** Prints a line on stdout. */
export const print = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Console.log(forReader(process.stdout.isTTY, text)))

/** Prints a line on stderr. */
export const printError = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Console.error(forReader(process.stderr.isTTY, text)))

/**
 * Returns the text that a console prints for these arguments, harmless for a terminal. All of it, because Node shows the message
 * of an error as it is.
 */
export const consoleText = (args: ReadonlyArray<unknown>, colors: boolean): string =>
  printableWithColours(formatWithOptions({ colors }, ...args))

/**
 * Prints lines of our own text on stdout. On a terminal, or if `COLUMNS` says how wide the reader is, long lines are broken at
 * their spaces. The lines of a file or a pipe stay whole.
 */
export const printLines = (lines: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { stdout } = process
    const isNarrowed = stdout.isTTY || (process.env["COLUMNS"] ?? "") !== ""
    const { width } = TerminalStyle.of(stdout)
    const shown = isNarrowed ? lines.flatMap((line) => WrapText.hang(line, width)) : lines
    return Effect.forEach(shown, (line) => Console.log(line), { discard: true })
  })

const safe =
  (stream: NodeJS.WriteStream, write: (...args: ReadonlyArray<unknown>) => void) =>
  (...args: ReadonlyArray<unknown>): void =>
    stream.isTTY ? write(consoleText(args, stream.hasColors())) : write(...args)

/**
 * A console whose text cannot control the terminal, except for colours. It covers what other modules print: usage errors of effect/cli,
 * which quote arguments, and Effect's default logger.
 */
export const layer: Layer.Layer<never> = Layer.effect(
  Console.Console,
  Effect.map(Console.Console, (console): Console.Console => {
    const { stderr, stdout } = process
    return {
      ...globalThis.console,
      log: safe(stdout, (...args) => console.log(...args)),
      info: safe(stdout, (...args) => console.info(...args)),
      debug: safe(stdout, (...args) => console.debug(...args)),
      error: safe(stderr, (...args) => console.error(...args)),
      warn: safe(stderr, (...args) => console.warn(...args)),
      trace: safe(stderr, (...args) => console.trace(...args)),
      group: safe(stdout, (...args) => console.group(...args)),
      groupCollapsed: safe(stdout, (...args) => console.groupCollapsed(...args))
    }
  })
)
