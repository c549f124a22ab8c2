/** The entry point of the command line. Loads the parser only if the arguments need it. */
import * as QuickAnswer from "./QuickAnswer.ts"
import * as TerminalStyle from "./TerminalStyle.ts"

// The reader of our output can close the pipe at any time (`| head`). That must not stop the turn with a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const args = process.argv.slice(2)
const answer = QuickAnswer.of(args, (stream) => TerminalStyle.of(process[stream]))
if (answer === undefined) {
  const { start } = await import("./start.ts")
  start(args)
} else {
  process.exitCode = answer.code
  process[answer.stream].write(`${answer.text}\n`)
}
