/** `effect-codex host`: the flags and descriptions of its subcommands. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

const dir = Flag.String("dir").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription("The directory of the host; it is created if it is missing")
)
const json = Options.json("Print one JSON object on stdout")

const startFlags = {
  dir,
  config: Options.config,
  idleTimeout: Options.duration(
    "idle-timeout",
    "How long the host waits without a client and a loaded thread before it ends; default: 10m"
  ),
  json
}
const flags = { dir, json }
const serveFlags = {
  dir,
  config: Options.config,
  drainDeadline: Options.duration(
    "drain-deadline",
    "How long running turns may take to end after SIGTERM or Ctrl-C; default: 1m"
  ),
  json
}

export type HostStartInput = Command.Command.Config.Infer<typeof startFlags>
export type HostServeInput = Command.Command.Config.Infer<typeof serveFlags>
export type HostInput = Command.Command.Config.Infer<typeof flags>

export const host = Command.make("host").pipe(
  Command.withDescription("Run Codex in the background, so that turns outlive the programs that start them")
)

export const start = Command.make("start", startFlags).pipe(
  Command.withDescription("Start the host of a directory if it does not run, and wait until Codex answers"),
  Command.withExamples([
    {
      command: "effect-codex host start --dir ~/.local/state/my-bot",
      description: "Start Codex in the background"
    }
  ])
)

export const serve = Command.make("serve", serveFlags).pipe(
  Command.withDescription(
    "Run the host of a directory in the foreground, for a service manager, until SIGTERM or Ctrl-C"
  ),
  Command.withExamples([
    {
      command: "effect-codex host serve --dir /var/lib/agents/host --drain-deadline 10m",
      description: "In a systemd unit: after SIGTERM, running turns have ten minutes to end"
    }
  ])
)

export const status = Command.make("status", flags).pipe(
  Command.withDescription("Show the processes, versions, clients and turns of a host"),
  Command.withExamples([
    {
      command: "effect-codex host status --dir ~/.local/state/my-bot --json",
      description: "Check a host in a script: the exit code is 1 if it does not run"
    }
  ])
)

export const drain = Command.make("drain", flags).pipe(
  Command.withDescription(
    "Start a new Codex for new turns, after an update; the old one ends when its turns have ended"
  ),
  Command.withExamples([
    {
      command: "effect-codex host drain --dir ~/.local/state/my-bot",
      description: "Use the Codex that is installed now"
    }
  ])
)

export const stop = Command.make("stop", flags).pipe(
  Command.withDescription("End a host with its turns, and all commands that they started"),
  Command.withExamples([
    { command: "effect-codex host stop --dir ~/.local/state/my-bot", description: "End everything" }
  ])
)
