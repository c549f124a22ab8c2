/** `effect-codex serve`: its flags, description and examples, and those of `serve token`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"
import * as ThreadFlags from "../ThreadFlags.ts"

const state = Options.text(
  "state",
  "DIR",
  "The private directory of tokens and owners; default: effect-codex/serve in XDG_STATE_HOME or ~/.local/state"
)

const { addDir, network, trust } = ThreadFlags.access
const { cd, config, effort, model, price, prices, tokens, usd } = ThreadFlags.flags

const flags = {
  host: Flag.String("host").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.withDescription("The address to listen on; default: 127.0.0.1. Another machine needs TLS"),
    Flag.withDefault("127.0.0.1")
  ),
  port: Flag.Int("port").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The port to listen on; default: 4815, 0 for any free one"),
    Flag.withDefault(4815)
  ),
  allowHost: Flag.String("allow-host").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(
      "A name by which browsers reach the server, such as that of a proxy; can be repeated"
    ),
    Flag.atLeast(0)
  ),
  tlsCert: Options.text("tls-cert", "FILE", "The certificate of the server, as PEM"),
  tlsKey: Options.text("tls-key", "FILE", "The private key of the certificate, as PEM"),
  state,
  db: Options.text(
    "db",
    "sqlite:PATH|postgres://…",
    "The database of durable turns: the page also shows them and their approval requests, and submits them"
  ),
  traces: Flag.String("traces").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(
      "A file of telemetry with turns that the server itself has not run or no longer keeps; can be repeated"
    ),
    Flag.atLeast(0)
  ),
  cd,
  model,
  effort,
  config,
  sandbox: Flag.Literals("sandbox", ["read-only", "workspace-write"]).pipe(
    Flag.withDescription("What commands can access without approval; default: workspace-write"),
    Flag.withDefault("workspace-write" as const)
  ),
  network,
  addDir,
  rules: Options.text(
    "rules",
    "FILE",
    "Rules that decide about requests before a person is asked, as in --approve of run"
  ),
  trust: trust.pipe(Flag.withDescription("Use the rules file even if the agent can write it")),
  approvalTimeout: Options.duration(
    "approval-timeout",
    "How long a request waits for an answer before it is declined; default: 10m"
  ),
  timeout: Options.timeout("The maximum duration of a turn: 20s, 5m, 1h30m; default: 30m"),
  tokens,
  usd,
  price,
  prices
}

export type ServeInput = Command.Command.Config.Infer<typeof flags>

export const serve = Command.make("serve", flags).pipe(
  Command.withDescription("Serve a page with conversations, live turns and the approval inbox"),
  Command.withExamples([
    { command: "effect-codex serve", description: "Open the address that it prints" },
    {
      command: "effect-codex serve token add phone --role approve",
      description: "Make a token for another device"
    }
  ])
)

const name = Argument.String("NAME").pipe(
  Argument.withDescription("The name of the token: lower-case letters, digits and hyphens")
)

const addFlags = {
  name,
  role: Flag.Literals("role", ["read", "submit", "approve"]).pipe(
    Flag.withDescription(
      "What the token allows: submit starts turns, approve answers requests, both include read; can be repeated"
    ),
    Flag.atLeast(1)
  ),
  state
}

export type TokenAddInput = Command.Command.Config.Infer<typeof addFlags>

export const tokenAdd = Command.make("add", addFlags).pipe(
  Command.withDescription("Make a token and show it once"),
  Command.withExamples([
    {
      command: "effect-codex serve token add phone --role submit --role approve",
      description: "A token that may start turns and answer requests"
    }
  ])
)

const listFlags = { state, json: Options.json("Print JSON on stdout, one line per token") }

export type TokenListInput = Command.Command.Config.Infer<typeof listFlags>

export const tokenList = Command.make("list", listFlags).pipe(
  Command.withDescription("List the tokens with their roles"),
  Command.withExamples([{ command: "effect-codex serve token list", description: "Who can use the server" }])
)

const revokeFlags = { name, state }

export type TokenRevokeInput = Command.Command.Config.Infer<typeof revokeFlags>

export const tokenRevoke = Command.make("revoke", revokeFlags).pipe(
  Command.withDescription("Revoke a token, and end the logins that it started"),
  Command.withExamples([
    { command: "effect-codex serve token revoke phone", description: "After the device was lost" }
  ])
)

export const token = Command.make("token").pipe(Command.withDescription("Make, list and revoke tokens"))
