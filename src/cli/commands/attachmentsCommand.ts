/** `effect-codex attachments`: the flags and descriptions of its commands. */
import * as Command from "effect/cli/Command"
import * as Options from "../Options.ts"

const shared = {
  directory: Options.text(
    "directory",
    "DIR",
    "The staging directory; default: effect-codex/attachments in your state directory"
  ),
  json: Options.json("Print one JSON object on stdout")
}

export type StagingInput = Command.Command.Config.Infer<typeof shared>

export const list = Command.make("list", shared).pipe(
  Command.withDescription("List the directories of staged files with their owner, file count and size"),
  Command.withExamples([
    { command: "effect-codex attachments list", description: "Show which processes have staged files" }
  ])
)

const cleanFlags = {
  all: Options.boolean(
    "all",
    "Also remove directories of other containers and machines, and the damaged copies kept for inspection"
  ),
  dryRun: Options.boolean("dry-run", "Print what would be removed without removing it"),
  ...shared
}

export type CleanInput = Command.Command.Config.Infer<typeof cleanFlags>

export const clean = Command.make("clean", cleanFlags).pipe(
  Command.withDescription(
    "Remove staged files of ended processes; files of running processes are never touched"
  ),
  Command.withExamples([
    {
      command: "effect-codex attachments clean --dry-run",
      description: "Show what ended processes left behind"
    },
    {
      command: "effect-codex attachments clean --all --json",
      description: "Remove everything that no running process on this machine owns"
    }
  ])
)

export const attachments = Command.make("attachments").pipe(
  Command.withDescription("List staged files, and remove those of ended processes")
)
