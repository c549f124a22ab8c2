/** `effect-codex worker`: its flags, description and examples. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

const flags = {
  db: Options.database,
  engine: Flag.String("engine").pipe(
    Flag.withMetavar("unix:PATH|ws://...|wss://..."),
    Flag.withDescription(
      "The socket of a running codex app-server; can be repeated. The variable CODEX_TOKEN has the token. Default: start Codex, which ends with the worker"
    ),
    Flag.atLeast(0)
  ),
  takeOverAfter: Options.duration(
    "take-over-after",
    "How long no worker reaches an engine before its threads continue on another one: 30s, 10m; default: 2m"
  ),
  host: Options.text(
    "host",
    "DIR",
    "The directory of an engine host, which is started if it does not run and goes on without the worker"
  ),
  config: Options.config,
  approve: Options.text(
    "approve",
    "never|all|RULES.json",
    "What decides about approvals first; the rest waits in the database for an answer. Default: everything waits"
  ),
  trust: Flag.Boolean("trust-rules-file").pipe(
    Flag.withDescription("Use the rules file of --approve even if the agent can write it"),
    Flag.withDefault(false)
  ),
  expiry: Options.duration(
    "approval-expiry",
    "How long an approval waits before it is declined: 30m, 8h; default: 24h"
  ),
  concurrency: Flag.Int("concurrency").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("How many turns run at the same time; default: 100"),
    Flag.optional
  ),
  programVersion: Options.text(
    "program-version",
    "VERSION",
    "Turns that a worker with another version has started end with IncompatibleJournal; default: any version"
  ),
  json: Options.json("Print every change of a turn as a line of JSON on stdout")
}

export type WorkerInput = Command.Command.Config.Infer<typeof flags>

export const worker = Command.make("worker", flags).pipe(
  Command.withDescription(
    "Run the durable turns of a database until Ctrl-C or SIGTERM; a next worker continues what is left"
  ),
  Command.withExamples([
    {
      command: "effect-codex worker --db sqlite:turns.db --host ~/codex-host",
      description: "Run turns on a Codex that goes on when the worker ends"
    },
    {
      command: "effect-codex worker --db sqlite:turns.db --engine unix:one.sock --engine unix:two.sock",
      description: "Spread the threads over two engines; if one dies, its threads continue on the other"
    },
    {
      command: "effect-codex worker --db sqlite:turns.db --approve ~/rules.json --json",
      description: "Let rules decide about approvals first, and print JSON lines"
    }
  ])
)
