/** The thread and the services that the flags of a command describe. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import * as Approval from "../Approval.ts"
import { Codex, type ThreadOptions } from "../Codex.ts"
import { ThreadId } from "../domain/Ids.ts"
import * as Prices from "../domain/Prices.ts"
import type { Sandbox } from "../domain/TurnOptions.ts"
import * as AppServer from "../engine/AppServer.ts"
import * as EngineHost from "../host/EngineHost.ts"
import { UsageError } from "./CommandEnd.ts"
import * as Inputs from "./Inputs.ts"
import * as PriceFlags from "./PriceFlags.ts"
import type { AccessInput, ThreadInput } from "./ThreadFlags.ts"

/** What a command opens. */
export interface ThreadRequest {
  readonly thread: ThreadInput
  readonly access: AccessInput
  /** The sandbox of a new thread if the command line names none. */
  readonly sandbox: Sandbox
  readonly options?: ThreadOptions
  /** Whether the limits are those of the thread and not of each turn. */
  readonly limitsThread?: boolean
}

/** Nothing beyond the sandbox: every approval request is declined. */
export const noAccess: AccessInput = {
  sandbox: Option.none(),
  network: false,
  addDir: [],
  approve: Option.some("never"),
  trust: false
}

/** Checks that a directory exists and that this user may work in it. */
export const checkDirectory = (flag: string, directory: string): Effect.Effect<void, UsageError> =>
  Effect.try({
    try: () => {
      if (!Fs.statSync(directory).isDirectory()) throw new Error("it is a file")
      Fs.accessSync(directory, Fs.constants.R_OK | Fs.constants.X_OK)
    },
    catch: (error) => {
      const reason = error instanceof Error ? error.message : String(error)
      return new UsageError({
        text: `${flag}: "${directory}" is not a directory that this user can enter (${reason}); give another one`
      })
    }
  })

/** Checks the flags, and returns how to open the thread, the services that it needs, and its budget. Starts nothing. */
export const prepare = Effect.fnUntraced(function* (request: ThreadRequest) {
  const { addDir, approve, network, sandbox, trust } = request.access
  const { cd, config, effort, host, model, resume, tokens } = request.thread
  yield* Inputs.validateOverrides(config)
  if (Option.isSome(host) && config.length > 0)
    return yield* new UsageError({
      text: "-c cannot be combined with --host: give it to effect-codex host start"
    })
  if (Option.exists(tokens, (tokens) => tokens < 1))
    return yield* new UsageError({ text: "--max-tokens must be 1 or more" })
  if (network && Option.isSome(resume) && Option.isNone(sandbox))
    return yield* new UsageError({ text: "--network needs --sandbox if a thread is resumed" })
  if (Option.isSome(resume)) yield* Inputs.validateThread("--resume", resume.value)
  if (Option.isSome(cd)) yield* checkDirectory("--cd", cd.value)
  yield* Effect.forEach(addDir, (directory) => checkDirectory("--add-dir", directory), { discard: true })
  const target = {
    cwd: Option.getOrUndefined(cd),
    additionalDirectories: addDir,
    sandbox: Option.getOrElse(sandbox, () => (Option.isNone(resume) ? request.sandbox : undefined)),
    overrides: config
  }
  const prices = yield* PriceFlags.read(request.thread, target)
  const policy = yield* Inputs.policy(approve, { ...target, trust })
  const budget = {
    tokens: Option.getOrUndefined(tokens),
    usd: Option.getOrUndefined(request.thread.usd)
  }
  const options: ThreadOptions = {
    ...request.options,
    ...(request.limitsThread === true ? { budget } : {}),
    cwd: target.cwd,
    model: Option.getOrUndefined(model),
    effort: Option.getOrUndefined(effort),
    sandbox: Option.getOrUndefined(sandbox),
    network: network ? true : undefined,
    additionalDirectories: addDir.length === 0 ? undefined : addDir
  }
  return {
    open: Codex.use((codex) => {
      if (Option.isNone(resume)) {
        const { sandbox = request.sandbox } = options
        return codex.startThread({ ...options, sandbox, approvalMode: "on-request" })
      }
      // A resumed thread keeps its sandbox, so that resuming never grants more access.
      return resume.value === "last"
        ? codex.resumeLast(options)
        : codex.resumeThread(ThreadId.make(resume.value), options)
    }),
    services: Codex.layer.pipe(
      Layer.provide(
        Option.match(host, {
          onNone: () => AppServer.layerOptions({ config }),
          onSome: (dir) => EngineHost.layer({ dir })
        })
      ),
      Layer.provideMerge(Layer.merge(Approval.layer(policy), Prices.layer(prices)))
    ),
    budget
  }
})
