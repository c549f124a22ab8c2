/** The engine host: its directory, its state file, its sockets and its log. */
import { inFile, type Mutant } from "./Mutant.ts"

const hostile = "test/host/HostileDirectory.test.ts"
const directory = "is refused if another user can use it, or if a link leads to it"
const damaged =
  "has no host if its state is a link, a FIFO, too large or damaged, and nothing of such a state is used"
const taken = "gives no client to a process that took the socket of Codex, or that of the supervisor"
const reused = "ends no process whose pid the system has reused, also if it is that of the supervisor"
const links =
  "loses the link of a Codex that was killed and its socket, and no other file that a link leads to"
const log = "test/host/HostLog.test.ts"

export const host: ReadonlyArray<Mutant> = [
  ...inFile("src/host/HostDirectory.ts", hostile, [
    ["PrivateDirectory.check(directory),", "Effect.void,", directory]
  ]),
  ...inFile("src/host/HostState.ts", hostile, [
    [".check(Schema.isPattern(/^codex-\\d+-[0-9a-f]{8}\\.sock$/))", "", damaged],
    [".check(Schema.isPattern(/^host-[0-9a-f]{24}$/))", "", damaged],
    ["pid: Schema.Int.check(Schema.isGreaterThan(0))", "pid: Schema.Int", damaged],
    [
      "other === undefined || other.format === 1",
      "true",
      "with a state of another format is refused, because a newer version may use it"
    ]
  ]),
  ...inFile("src/host/HostClient.ts", hostile, [
    ["if (!CodexSockets.belongsTo(path, generation.process.pid))", "if (false)", taken]
  ]),
  ...inFile("src/host/ControlSocket.ts", hostile, [
    ["found?.isSocket() !== true", "found === undefined", taken]
  ]),
  ...inFile("src/host/EngineHost.ts", hostile, [
    ["if (yield* isLive) yield*", "yield*", reused],
    [
      "const directory = yield* HostDirectory.find(dir)\n    if (directory === undefined) return Option.none()",
      "const directory = yield* HostDirectory.open(dir)",
      "is not created by a question about its host, nor by its stop"
    ]
  ]),
  ...inFile("src/host/HostedCodex.ts", hostile, [
    ["isSocket && target !== path", "target !== path", links],
    ["hasExited: () => !live }", "hasExited: () => false }", reused]
  ]),
  ...inFile("src/host/Supervisor.ts", hostile, [
    [
      "catch: (error) => HostDirectory.badHost(directory, error instanceof Error ? error.message : String(error))",
      "catch: (error) => { throw error }",
      "fails typed if its lock, its log or its socket is a link, a FIFO or a directory"
    ]
  ]),
  ...inFile("src/host/HostLog.ts", log, [
    [
      "mask(text), maxLine",
      "text, maxLine",
      "has two files of limited size, however much is written, and short lines without secrets"
    ],
    [
      "Fs.ftruncateSync(reader, 0)",
      "",
      "gets the lines of Codex, whose file is emptied when it is large and removed at the end"
    ]
  ]),
  ...inFile("src/host/RestartDelay.ts", log, [
    ["Math.min(maxMillis,", "Math.max(0,", "waits twice as long after each failure, 30 seconds at most"]
  ])
]
