/** Mutants of the command line: what its flags and commands do. */
import { inFile, type Mutant } from "./Mutant.ts"

export const cli: ReadonlyArray<Mutant> = [
  ...inFile("src/cli/Options.ts", "test/cli/Options.test.ts", [
    [
      "? Approval.prompt : Approval.deny",
      "? Approval.prompt : Approval.allow",
      "declines by default with no terminal in and no terminal out"
    ],
    [
      'case "never":\n      return Approval.deny',
      'case "never":\n      return Approval.allow',
      "never declines, ask asks and all accepts, whatever the terminals are"
    ],
    [
      "millis > 0 && Number.isFinite(millis)",
      "Number.isFinite(millis)",
      "accepts positive durations with units"
    ],
    ["!/^[^=\\s]+=/.test(override)", "!/=/.test(override)", "takes key=value, and rejects anything else"]
  ]),
  ...inFile("src/cli/commands/cleanAttachments.ts", "test/cli/attachments.test.ts", [
    [
      '(all && state !== "live")',
      "all",
      "clean removes files of ended processes, and --all everything that no running process owns"
    ]
  ])
]
