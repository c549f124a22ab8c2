/** Mutants of what a hostile agent or another user of the machine would use: environments, servers and files of the host. */
import { inFile, type Mutant } from "./Mutant.ts"

export const security: ReadonlyArray<Mutant> = [
  ...inFile(
    "src/engine/app-server/CommandEnvironment.ts",
    "test/engine/app-server/CommandEnvironment.test.ts",
    [
      [
        '"SECRET", ',
        "",
        "H17 holds the credentials of Codex, of the provider, and of proxies with a password"
      ],
      [
        'proxy.test(name) ? value.includes("@")',
        'proxy.test(name) ? value.includes("://ada:secret@")',
        "H17 holds every inherited address with a password, also that of a proxy without a scheme"
      ],
      [
        "ofCodex.test(name) && /:",
        "false && /:",
        "H17 holds every inherited address with a password, also that of a proxy without a scheme"
      ]
    ]
  ),
  ...inFile("src/redaction/KnownSecrets.ts", "test/redaction/KnownSecrets.test.ts", [
    [
      "? `http://${value}` : value",
      "? value : value",
      "the password of a proxy whose address has no scheme is a secret"
    ]
  ]),
  ...inFile(
    "src/telemetry/native-spans/OtlpReceiver.ts",
    "test/telemetry/native-spans/OtlpReceiver.test.ts",
    [
      [
        "server.maxConnections = maxConnections",
        "",
        "keeps a limited number of connections, and none of a stranger"
      ],
      [
        'response.setHeader("connection", "close")',
        "",
        "keeps a limited number of connections, and none of a stranger"
      ]
    ]
  ),
  ...inFile("src/telemetry/Prometheus.ts", "test/telemetry/Prometheus.test.ts", [
    ["server.maxConnections = maxConnections", "", "keeps a limited number of connections"]
  ]),
  ...inFile("src/engine/app-server/AppServerProcess.ts", "test/services/ProcessDeath.test.ts", [
    [
      ": end.search(/\\s\\S/)",
      ": -1",
      "H15 reports no half of a word of a long line of stderr, where a secret may be"
    ]
  ]),
  ...inFile("src/engine/app-server/CodexBinary.ts", "test/engine/app-server/CodexBinary.test.ts", [
    [
      "path.isAbsolute(directory) ? names : []",
      "names",
      "the search path finds codex in absolute directories only, so never in the working directory"
    ]
  ]),
  ...inFile("src/domain/BoundedContent.ts", "test/domain/BoundedContent.test.ts", [
    [
      "head(text, beforeWord(text, kept - end)) +",
      "head(text, kept - end) +",
      "does not split a word, because redaction does not recognise half a secret"
    ],
    [
      "text.length - afterWord(text, text.length - end)",
      "end",
      "does not split a word, because redaction does not recognise half a secret"
    ]
  ]),
  ...inFile("src/internal/RealPath.ts", "test/approval/ResolvedRequest.test.ts", [
    [
      "if (--lookUps.left < 0) return unresolvable(links > 0)",
      "",
      "H14 resolves many files of a patch, but looks up only so much on the paths that the agent makes long"
    ],
    [
      "if (lookUps.entries.has(next)) {",
      "if (next === '') {",
      "H14 resolves many files of a patch, but looks up only so much on the paths that the agent makes long"
    ]
  ]),
  ...inFile("src/internal/HostDirectories.ts", "test/turn/HostFiles.test.ts", [
    [
      "const { real } = RealPath.directory(directory.path)",
      "const real = directory.path + '/../../none'",
      "are protected by refusing a turn whose sandbox may write the spool"
    ],
    [
      "(directory.isTree && RealPath.isWithin(root, real))",
      "false",
      "are protected by refusing a turn whose sandbox may write the spool"
    ],
    [
      "() => Effect.sync(() => void all.delete(own))",
      "() => Effect.void",
      "cannot be protected without a sandbox, and need no protection once their layer is closed"
    ]
  ]),
  ...inFile("src/telemetry/File.ts", "test/turn/HostFiles.test.ts", [
    [
      "path: dirname(file),",
      'path: "/nonexistent",',
      "are protected by refusing a turn whose sandbox may write the directory of a telemetry file"
    ],
    [
      "isTree: false",
      "isTree: true",
      "are protected by refusing a turn whose sandbox may write the directory of a telemetry file"
    ]
  ]),
  ...inFile("src/turn/TurnQueue.ts", "test/turn/HostFiles.test.ts", [
    [
      "writableRootsOfTurn(engine.access?.(), options)",
      "writableRootsOfTurn(engine.access?.(), {})",
      "are also protected behind a link, and from the cwd and the sandbox of a single turn"
    ]
  ]),
  ...inFile("src/engine/ExecHandle.ts", "test/testing/ScriptedExec.test.ts", [
    [
      'options.sandbox ?? "read-only"',
      'options.sandbox ?? "danger-full-access"',
      "have the answer of the script, with its input and its outputs"
    ]
  ]),
  ...inFile("src/Codex.ts", "test/testing/ScriptedExec.test.ts", [
    [
      'if (sandbox === "workspace-write")',
      "if (false)",
      "are refused if they could write the files of this process"
    ]
  ]),
  ...inFile("src/engine/app-server/CommandExec.ts", "test/engine/app-server/CommandExec.test.ts", [
    [
      "(fiber) => (isSent ? terminate : Fiber.interrupt(fiber))",
      "(fiber) => Fiber.interrupt(fiber)",
      "costs the process if Codex does not end it within five seconds"
    ]
  ]),
  ...inFile(
    "src/engine/app-server/BackgroundTerminals.ts",
    "test/engine/app-server/BackgroundTerminals.test.ts",
    [
      [
        "  registry.isRunning(threadId)\n    ?",
        "  Number.isNaN(threadId)\n    ?",
        "ends with the last handle of its thread, before Codex unloads the thread"
      ],
      [
        "turn.leftThreads.size === 0",
        "turn.leftThreads.size >= 0",
        "of a sub-agent ends with the turn that the sub-agent works for"
      ]
    ]
  ),
  ...inFile("src/internal/GracefulInterrupt.ts", "test/tool/ToolHost.test.ts", [
    [
      "const abandoned = Effect.suspend(() => options.abandoned(fiber))",
      "const abandoned = options.abandoned(fiber)",
      "F14 counts no handler that ends in time as abandoned"
    ]
  ])
]
