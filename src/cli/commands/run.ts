/** `effect-codex run`: one turn of the real Codex. */
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
  cd: Flag.String("cd").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("The folder to work in; default: this one"),
    Flag.optional
  ),
  model: Flag.String("model").pipe(
    Flag.withMetavar("M"),
    Flag.withDescription("The model to ask"),
    Flag.optional
  ),
  sandbox: Flag.Literals("sandbox", ["read-only", "workspace-write", "danger-full-access"]).pipe(
    Flag.withDescription(
      "What commands may reach without asking; default: workspace-write, or what the conversation had"
    ),
    Flag.optional
  ),
  approve: Flag.String("approve").pipe(
    Flag.withMetavar("never|ask|all|RULES.json"),
    Flag.withDescription("Who answers what the agent asks; default: ask on a terminal, else never"),
    Flag.optional
  ),
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("key=value"),
    Flag.withDescription("An override of Codex's configuration; may be given many times"),
    Flag.atLeast(0)
  ),
  effort: Flag.String("effort").pipe(
    Flag.withMetavar("E"),
    Flag.withDescription("How hard the model thinks: low, medium, high, as the model has it"),
    Flag.optional
  ),
  attach: Flag.String("attach").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("A file to send along; may be given many times"),
    Flag.atLeast(0)
  ),
  resume: Flag.String("resume").pipe(
    Flag.withMetavar("THREAD"),
    Flag.withDescription("Go on with the conversation of this id, or with the last one of the folder: last"),
    Flag.optional
  ),
  tokens: Flag.Int("max-tokens").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(
      "The most tokens that the turn may use, input and output together; then it is stopped"
    ),
    Flag.optional
  ),
  timeout: Flag.String("timeout").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription("The longest that the turn may take: 500ms, 20s, 5m, 1h30m; default 30m"),
    Flag.filterMap(
      Options.parseDuration,
      (text) => `Expected a duration like 500ms, 20s, 5m or 1h30m, not "${text}"`
    ),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print every event as a line of JSON on stdout"),
    Flag.withDefault(false)
  ),
  prompt: Argument.String("PROMPT").pipe(
    Argument.withDescription("What to do; read from stdin where it is missing or -"),
    Argument.optional
  )
}

export const run = Command.make(
  "run",
  flags,
  Effect.fnUntraced(function* (given) {
    const { approve, attach, cd, config, effort, json, model, prompt, resume, sandbox, timeout, tokens } =
      given
    yield* Options.overrides(config)
    if (Option.exists(tokens, (tokens) => tokens < 1))
      return yield* new UsageError({ text: "--max-tokens takes a number from 1 on" })
    const policy = yield* Options.policy(approve)
    const text = yield* Options.prompt(prompt)
    const options = {
      cwd: Option.getOrUndefined(cd),
      model: Option.getOrUndefined(model),
      sandbox: Option.getOrUndefined(sandbox)
    }
    const open = Codex.use((codex) => {
      if (Option.isNone(resume)) {
        const { sandbox = "workspace-write" } = options
        return codex.startThread({ ...options, sandbox, approvalMode: "on-request" })
      }
      // What is taken up may do what it might before, and no more.
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
    { command: 'effect-codex run "Fix the failing test"', description: "Work here, ask on the terminal" },
    {
      command:
        'effect-codex run --cd ../app --approve rules.json --timeout 10m --json "Update the changelog"',
      description: "In a script: rules decide, events on stdout"
    }
  ])
)
