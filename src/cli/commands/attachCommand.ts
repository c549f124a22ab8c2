/** `effect-codex attach`: its flags, description and examples. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"

const flags = {
  host: Options.text("host", "DIR", "The directory of the host that runs the turn"),
  socket: Options.text("socket", "PATH", "The socket of the Codex that runs the turn, instead of --host"),
  approve: ThreadFlags.access.approve,
  trust: ThreadFlags.access.trust,
  interrupt: Flag.Boolean("interrupt").pipe(
    Flag.withDescription("Interrupt the turn, and show how it ends"),
    Flag.withDefault(false)
  ),
  json: Options.json("Print every event as a line of JSON on stdout"),
  thread: Argument.String("THREAD").pipe(
    Argument.withDescription("The id of the thread, or last: the thread that was used last; default: last"),
    Argument.optional
  )
}

export type AttachInput = Command.Command.Config.Infer<typeof flags>

export const attach = Command.make("attach", flags).pipe(
  Command.withDescription("Show the running turn of a thread to its end; Ctrl-C leaves it running"),
  Command.withExamples([
    {
      command: "effect-codex attach --host ~/.local/state/my-bot",
      description: "Watch the turn of the thread that was used last, and answer its approval requests"
    }
  ])
)
