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
const hosts = "test/services/EngineHost.test.ts"
const drained = "lets the running turns of a drained Codex end, and runs new ones in the next Codex"
const upgrades = "test/services/EngineHostUpgrade.test.ts"
const newCodex = "runs new turns in the newer Codex, and finishes the running ones in the old one"
const newSupervisor =
  "gets the supervisor of the newer program, which keeps Codex, its turns and its settings"
const keptCodex = "keeps its Codex when a program without settings adopts it, and ends with it"

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
  ]),
  ...inFile("src/host/HostUpgrade.ts", upgrades, [
    [
      "!state.isService && isNewer(version, state.libraryVersion)",
      "state.libraryVersion === undefined",
      newSupervisor
    ],
    ["if (isNewer(found, generation.codexVersion))", "if (found === undefined)", newCodex],
    ["options.codexPath !== undefined && found !== generation.codexVersion", "found === undefined", newCodex],
    ["SemVer.isGreaterThan(a, b)", "!SemVer.isGreaterThan(b, a)", "is newer only if both are versions"]
  ]),
  ...inFile("src/host/HostSettings.ts", upgrades, [
    ["({ ...settings, ...inherited, isSpecific: true })", "({ ...inherited, ...settings })", newSupervisor],
    ["  config,\n  env\n})", "  config,\n  env: {}\n})", newSupervisor]
  ]),
  ...inFile("src/host/Supervisor.ts", upgrades, [
    ['isHandedOver = end === "handOver"', "isHandedOver = false", newSupervisor],
    ["if (lacksSettings) return yield* stopWithoutSettings", "", keptCodex],
    ["if (lacksSettings) return yield* settingsUnknown\n        yield*", "yield*", keptCodex]
  ]),
  ...inFile("src/host/HostEngine.ts", upgrades, [
    [
      "if (Option.exists(read, ThreadActivity.isActive)) return engine",
      "if (Option.isNone(read)) return engine",
      newCodex
    ]
  ]),
  ...inFile("src/host/Supervisor.ts", hosts, [
    ["codex.change({ draining: true })\n          yield*", "yield*", drained],
    [
      "Effect.onInterrupt(() => finishTurns)",
      "Effect.onInterrupt(() => Effect.void)",
      "runs the host in the foreground, ends its running turns at SIGTERM, and leaves nothing"
    ]
  ])
]
