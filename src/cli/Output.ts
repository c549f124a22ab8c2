/** Prints text that comes from outside: printable on a terminal, unchanged in a file or pipe. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { printable } from "../internal/VisibleText.ts"

const forReader = (terminal: boolean, text: string): string => (terminal ? printable(text) : text)

/** Prints a line on stdout. */
export const print = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Console.log(forReader(process.stdout.isTTY, text)))

/** Prints a line on stderr. */
export const printError = (text: string): Effect.Effect<void> =>
  Effect.suspend(() => Console.error(forReader(process.stderr.isTTY, text)))
