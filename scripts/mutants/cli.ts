/** Mutants of the command line: what its flags and commands do. */
import { inFile, type Mutant } from "./Mutant.ts"

export const cli: ReadonlyArray<Mutant> = [
  ...inFile("src/cli/Inputs.ts", "test/cli/Options.test.ts", [
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
    ["!/^[^=\\s]+=/.test(override)", "!/=/.test(override)", "takes key=value, and rejects anything else"]
  ]),
  ...inFile("src/cli/Options.ts", "test/cli/Options.test.ts", [
    [
      "millis > 0 && Number.isFinite(millis)",
      "Number.isFinite(millis)",
      "accepts positive durations with units"
    ]
  ]),
  ...inFile("src/cli/TerminalStyle.ts", "test/cli/help.test.ts", [
    [
      'isTTY === true && term !== "dumb"',
      "isTTY === true",
      "has colours on a terminal, unless the environment decides"
    ]
  ]),
  ...inFile("src/cli/QuickAnswer.ts", "test/cli/help.test.ts", [
    [
      "code: code.usage",
      "code: code.completed",
      "answers a call that names no command, on stderr and with exit code 2"
    ]
  ]),
  ...inFile("src/cli/PriceFlags.ts", "test/cli/PriceFlags.test.ts", [
    [
      "Object.keys(table).length === 0",
      "Object.keys(table).length < 0",
      "fails without a price of the model, and if it is not more than 0"
    ],
    [
      "!Object.hasOwn(table, model.value)",
      "false",
      "fails without a price of the model, and if it is not more than 0"
    ],
    [
      "if (problem !== undefined)",
      "if (problem === null)",
      "reads a file that the agent cannot write, and --price overrides it"
    ]
  ]),
  ...inFile("src/cli/RawTerminal.ts", "test/cli/execTerminal.test.ts", [
    [
      "Effect.ignore(handle.resize(next))",
      "Effect.asVoid(Effect.succeed(next))",
      "passes keys and the size of the terminal, and returns the exit code"
    ],
    ["    setRawMode(true)\n", "", "passes keys and the size of the terminal, and returns the exit code"]
  ]),
  ...inFile("src/cli/GoalSession.ts", "test/cli/goals.test.ts", [
    [
      'outcome.status === "complete" ? code.completed : code.failed',
      "code.completed",
      "ends at its token budget, at the limits of the thread, and after its timeout"
    ]
  ]),
  ...inFile("src/cli/handlers/cleanAttachments.ts", "test/cli/attachments.test.ts", [
    [
      '(all && state !== "live")',
      "all",
      "clean removes files of ended processes, and --all everything that no running process owns"
    ]
  ])
]
