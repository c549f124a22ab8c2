/** `effect-codex trace html`: its flags and description. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"

const flags = {
  files: Argument.String("FILE").pipe(
    Argument.withDescription("OTLP JSON lines, rotated and gzipped ones too"),
    Argument.atLeast(1)
  ),
  out: Flag.String("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("The page to write; an existing file is replaced")
  ),
  limit: Flag.Int("limit").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The maximum number of turns, the newest ones; default: 1000"),
    Flag.filter(
      (limit) => limit > 0,
      (limit) => `Expected a number above 0, not ${limit}`
    ),
    Flag.withDefault(1_000)
  ),
  price: Flag.String("price").pipe(
    Flag.withMetavar("MODEL=INPUT,OUTPUT[,CACHED]"),
    Flag.withDescription(
      "US dollars for a million tokens of a model, for the cost of each call; can be repeated"
    ),
    Flag.atLeast(0)
  )
}

export type WritePageInput = Command.Command.Config.Infer<typeof flags>

export const html = Command.make("html", flags).pipe(
  Command.withDescription("Write a page that shows turns in a browser: one file, without network"),
  Command.withExamples([
    {
      command: "effect-codex trace html traces.jsonl -o traces.html",
      description: "Look at all turns of a file"
    }
  ])
)
