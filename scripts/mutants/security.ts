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
  ])
]
