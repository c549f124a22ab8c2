/** The flags of the commands that work in a thread. */
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "./Options.ts"

/** The flags of every command that works in a thread. */
export const flags = {
  cd: Options.text("cd", "DIR", "The directory to work in; default: the current directory"),
  model: Options.text("model", "M", "The model to use"),
  host: Options.text(
    "host",
    "DIR",
    "Run in the Codex of the host of this directory, which is started if it does not run"
  ),
  config: Options.config,
  effort: Options.text(
    "effort",
    "E",
    "The reasoning effort, such as low, medium or high; the model defines the values"
  ),
  resume: Options.text(
    "resume",
    "THREAD",
    "Resume the thread with this id, or the last thread of the directory: last"
  ),
  tokens: Flag.Int("max-tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The maximum number of input and output tokens; the work stops when it exceeds it"),
    Flag.optional
  ),
  usd: Flag.Finite("budget-usd").pipe(
    Flag.withMetavar("USD"),
    Flag.withDescription(
      "The maximum cost in US dollars; the work stops when it exceeds it. Needs --price or --prices"
    ),
    Flag.optional
  ),
  price: Flag.String("price").pipe(
    Flag.withMetavar("MODEL=INPUT,OUTPUT[,CACHED]"),
    Flag.withDescription("The price of a model, in US dollars for a million tokens; can be repeated"),
    Flag.atLeast(0)
  ),
  prices: Options.text(
    "prices",
    "FILE",
    'A JSON file with prices by model, such as {"gpt-5.5": {"input": 5, "cachedInput": 0.5, "output": 30}}'
  )
}

/** What the agent may do, and how approval requests are answered. */
export const access = {
  sandbox: Options.sandbox(
    "What commands can access without approval; default: workspace-write, or the resumed thread's own"
  ),
  network: Options.boolean("network", "Let sandboxed commands use the network"),
  addDir: Flag.String("add-dir").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("A further directory to work in and to write; can be repeated"),
    Flag.atLeast(0)
  ),
  approve: Options.text(
    "approve",
    "never|ask|all|RULES.json",
    "How to answer approval requests; default: ask on a terminal, otherwise never"
  ),
  trust: Flag.Boolean("trust-rules-file").pipe(
    Flag.withDescription("Use the rules file of --approve even if the agent can write it"),
    Flag.withDefault(false)
  )
}

export type ThreadInput = Command.Command.Config.Infer<typeof flags>
export type AccessInput = Command.Command.Config.Infer<typeof access>
