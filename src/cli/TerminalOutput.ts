/** Shows the output of a command on a terminal. */
import * as Stream from "effect/Stream"
import { printableWithColours } from "../internal/VisibleText.ts"

// The end of a text that may be the beginning of a colour or of a line break.
const unfinished = /(?:\r|\u001b(?:\[[\d;]{0,32})?)$/
const colour = /\u001b\[[\d;]*m/

/** Makes the bytes of a command harmless for a terminal. Keeps colours, and ends them with the command. */
export const harmless = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> =>
  bytes.pipe(
    Stream.decodeText,
    Stream.mapAccum(
      () => ({ rest: "", coloured: false }),
      (state, chunk) => {
        const text = state.rest + chunk
        const rest = unfinished.exec(text)?.[0] ?? ""
        const shown = printableWithColours(text.slice(0, text.length - rest.length))
        return [{ rest, coloured: state.coloured || colour.test(shown) }, [shown]]
      },
      { onHalt: ({ coloured, rest }) => [`${printableWithColours(rest)}${coloured ? "\u001b[0m" : ""}`] }
    ),
    Stream.encodeText
  )
