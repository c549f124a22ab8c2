/** `effect-codex run`: runs one turn of the real Codex. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Approval from "../../Approval.ts"
import { Codex } from "../../Codex.ts"
import { ThreadId } from "../../domain/Ids.ts"
import * as AppServer from "../../engine/AppServer.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import * as Options from "../Options.ts"
import { ExitWith, UsageError } from "../ExitCode.ts"
import * as TurnSession from "../TurnSession.ts"

const flags = {
  cd: Options.text("cd", "DIR", "The directory to work in; default: the current directory"),
  model: Options.text("model", "M", "The model to use"),
  sandbox: Flag.Literals("sandbox", ["read-only", "workspace-write", "danger-full-access"]).pipe(
    Flag.withDescription(
      "What commands can access without approval; default: workspace-write, or the resumed thread's own"
    ),
    Flag.optional
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
  ),
  config: Options.config,
  effort: Options.text(
    "effort",
    "E",
    "The reasoning effort, such as low, medium or high; the model defines the values"
  ),
  attach: Flag.String("attach").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("A file to attach to the prompt; can be repeated"),
    Flag.atLeast(0)
  ),
  resume: Options.text(
    "resume",
    "THREAD",
    "Resume the thread with this id, or the last thread of the directory: last"
  ),
  tokens: Flag.Int("max-tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The maximum number of input and output tokens; the turn stops when it exceeds it"),
    Flag.optional
  ),
  timeout: Options.timeout("The maximum duration of the turn: 500ms, 20s, 5m, 1h30m; default: 30m"),
  json: Options.json("Print every event as a line of JSON on stdout"),
  prompt: Argument.String("PROMPT").pipe(
    Argument.withDescription("What to do; read from stdin if it is missing or -"),
    Argument.optional
  )
}

export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(function* (input) {
    const { addDir, approve, attach, cd, config, effort, json, model, prompt, resume } = input
    const { network, sandbox, timeout, tokens, trust } = input
    yield* Options.validateOverrides(config)
    if (Option.exists(tokens, (tokens) => tokens < 1))
      return yield* new UsageError({ text: "--max-tokens must be 1 or more" })
    if (network && Option.isSome(resume) && Option.isNone(sandbox))
      return yield* new UsageError({ text: "--network needs --sandbox if a thread is resumed" })
    const policy = yield* Options.policy(approve, {
      cwd: Option.getOrUndefined(cd),
      additionalDirectories: addDir,
      sandbox: Option.getOrUndefined(sandbox),
      overrides: config,
      trust
    })
    const text = yield* Options.prompt(prompt)
    const options = {
      cwd: Option.getOrUndefined(cd),
      model: Option.getOrUndefined(model),
      sandbox: Option.getOrUndefined(sandbox),
      network: network ? true : undefined,
      additionalDirectories: addDir.length === 0 ? undefined : addDir
    }
    const open = Codex.use((codex) => {
      if (Option.isNone(resume)) {
        const { sandbox = "workspace-write" } = options
        return codex.startThread({ ...options, sandbox, approvalMode: "on-request" })
      }
      // A resumed thread keeps its sandbox, so that resuming never grants more access.
      return resume.value === "last"
        ? codex.resumeLast(options)
        : codex.resumeThread(ThreadId.make(resume.value), options)
    })
    const services = Codex.layer.pipe(
      Layer.provide(AppServer.layerOptions({ config })),
      Layer.provideMerge(Approval.layer(policy))
    )
    const exit = yield* TurnSession.run(
      open,
      {
        prompt: text,
        attach,
        turn: {
          timeout: Option.getOrUndefined(timeout),
          effort: Option.getOrUndefined(effort),
          budget: { tokens: Option.getOrUndefined(tokens) }
        },
        json
      },
      services,
      OtlpLayer
    )
    if (exit !== 0) return yield* new ExitWith({ code: exit })
  })
).pipe(
  Command.withDescription("Run one turn of Codex and show what it does"),
  Command.withExamples([
    {
      command: 'effect-codex run "Fix the failing test"',
      description: "Work in the current directory and ask on the terminal"
    },
    {
      command:
        'effect-codex run --cd ../app --approve ~/rules.json --timeout 10m --json "Update the changelog"',
      description: "In a script: rules decide about approvals, and events go to stdout"
    }
  ])
)
