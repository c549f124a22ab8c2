/** `effect-codex threads`: the flags and descriptions of its commands. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

const json = Options.json("Print JSON on stdout, one line per thread")
const thread = Argument.String("THREAD").pipe(
  Argument.withDescription("The id of a thread, as `threads list` prints it, or `last`")
)

const listFlags = {
  archived: Options.boolean("archived", "List archived threads instead"),
  everywhere: Options.boolean(
    "everywhere",
    "Include threads of other programs: the Codex command line, editors, sub-agents"
  ),
  cd: Options.text("cd", "DIR", "List only threads that work in this directory"),
  search: Options.text("search", "TEXT", "List only threads whose title contains this text"),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The maximum number of threads; default: 20, 0 for all"),
    Flag.withDefault(20)
  ),
  config: Options.config,
  json
}

export type ListInput = Command.Command.Config.Infer<typeof listFlags>

export const list = Command.make("list", listFlags).pipe(
  Command.withDescription("List threads, the most recent first"),
  Command.withExamples([
    {
      command: "effect-codex threads list --search parser --limit 5",
      description: "The last five threads about the parser"
    }
  ])
)

const showFlags = { thread, config: Options.config, json }

export type ShowInput = Command.Command.Config.Infer<typeof showFlags>

export const show = Command.make("show", showFlags).pipe(
  Command.withDescription("Show the messages and work of a thread"),
  Command.withExamples([
    { command: "effect-codex threads show last", description: "The last thread of the current directory" }
  ])
)

const forkFlags = {
  thread,
  through: Options.text(
    "through",
    "TURN",
    "Copy the history up to and including this turn; default: all turns"
  ),
  config: Options.config,
  json
}

export type ForkInput = Command.Command.Config.Infer<typeof forkFlags>

export const fork = Command.make("fork", forkFlags).pipe(
  Command.withDescription("Start a thread from a copy of another thread's history"),
  Command.withExamples([
    { command: "effect-codex threads fork last", description: "Try something else and keep the thread" }
  ])
)

const archiveFlags = {
  thread,
  undo: Options.boolean("undo", "Restore the thread to the list"),
  config: Options.config
}

export type ArchiveInput = Command.Command.Config.Infer<typeof archiveFlags>

export const archive = Command.make("archive", archiveFlags).pipe(
  Command.withDescription("Remove a thread from the list without deleting it"),
  Command.withExamples([
    {
      command: "effect-codex threads archive last",
      description: "Take the last thread of the directory off the list"
    }
  ])
)

const removeFlags = {
  thread,
  yes: Flag.Boolean("yes").pipe(
    Flag.withAlias("y"),
    Flag.withDescription("Delete without asking"),
    Flag.withDefault(false)
  ),
  config: Options.config
}

export type RemoveInput = Command.Command.Config.Infer<typeof removeFlags>

export const remove = Command.make("delete", removeFlags).pipe(
  Command.withDescription("Delete a thread permanently"),
  Command.withExamples([
    { command: "effect-codex threads delete last --yes", description: "In a script, which cannot confirm" }
  ])
)

export const threads = Command.make("threads").pipe(
  Command.withDescription("List, show, fork, archive and delete the threads that Codex stores")
)
