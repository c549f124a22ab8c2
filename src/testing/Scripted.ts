/**
 * An engine that plays a script: no process, no model, the same every time, under any clock.
 *
 * ```ts
 * yield* Scripted.play([
 *   Scripted.command("npm test", { exitCode: 1 }),
 *   Scripted.toolCall("lookup_ticket", { id: "T-42" }),
 *   Scripted.message("Fixed.")
 * ])
 * ```
 *
 * A script that does not fit the program is a defect, and fails the test whatever the program does with errors: a turn
 * that has no steps, a step that nobody asked for (a tool the thread was not given, an approval on a thread that never
 * asks), and steps that are left over in the end.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Approval from "../Approval.ts"
import * as CodexError from "../domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../domain/Ids.ts"
import * as ShellCommand from "../internal/ShellCommand.ts"
import type * as Item from "../domain/Item.ts"
import type * as ThreadInfo from "../domain/ThreadInfo.ts"
import * as Turn from "../domain/Turn.ts"
import * as TurnOptions from "../domain/TurnOptions.ts"
import * as Engine from "../engine/Engine.ts"
import * as ThreadStore from "./scripted/ThreadStore.ts"

/** The script and the program do not fit each other. */
export class ScriptError extends Data.TaggedError("ScriptError")<{ readonly detail: string }> {
  override get message() {
    return `ScriptError: ${this.detail}`
  }
}

/** What a turn of the script sees of the run that plays it. */
interface Stage {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly input: string
  readonly options: Engine.EngineThreadOptions
  readonly handlers: Engine.Handlers
  readonly nextId: (prefix: string) => ItemId
  /** What the turn was steered by and has not heard yet. */
  readonly steered: Queue.Queue<string>
}

type Outcome = Effect.Effect<void, CodexError.TurnError>

/** One thing that happens in a turn. */
export type ScriptedStep =
  | { readonly _tag: "Step"; readonly play: (stage: Stage) => Outcome }
  | { readonly _tag: "End"; readonly play: (stage: Stage) => Outcome }

const step = (play: (stage: Stage) => Outcome): ScriptedStep => ({ _tag: "Step", play })

const wrong = (detail: string) => Effect.die(new ScriptError({ detail }))

/** An event as a script writes it: ids are plain strings. */
type Said = Exclude<typeof Turn.TurnEvent.Encoded, { readonly _tag: "TurnCompleted" }>

type Untimed<E> = E extends unknown ? Omit<E, "at"> : never

const say = (stage: Stage, event: Untimed<Turn.EngineEvent>) =>
  Effect.map(Clock.currentTimeNanos, (now) =>
    stage.handlers.emit({ ...event, at: Number(now) / 1e6 } as Turn.EngineEvent)
  )

const sayAll = (stage: Stage, ...events: ReadonlyArray<Untimed<Turn.EngineEvent>>) =>
  Effect.forEach(events, (event) => say(stage, event), { discard: true })

const takes = (duration: Duration.Input | undefined) =>
  duration === undefined ? Effect.void : Effect.sleep(duration)

/** A message of the agent; `deltas: true` streams it word by word. */
export const message = (
  text: string,
  options: { readonly deltas?: ReadonlyArray<string> | true; readonly takes?: Duration.Input } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const id = stage.nextId("msg")
      const deltas = options.deltas === true ? (text.match(/\S+\s*|\s+/g) ?? []) : (options.deltas ?? [])
      yield* takes(options.takes)
      yield* say(stage, { _tag: "ItemStarted", item: { _tag: "AgentMessage", id, text: "" } })
      yield* sayAll(stage, ...deltas.map((delta) => ({ _tag: "MessageDelta", itemId: id, delta }) as const))
      yield* say(stage, { _tag: "ItemCompleted", item: { _tag: "AgentMessage", id, text } })
    })
  )

/** A summary of what the model thought. */
export const reasoning = (summary: string): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const item = {
        _tag: "Reasoning",
        id: stage.nextId("reasoning"),
        summary: [summary],
        content: []
      } as const
      yield* sayAll(stage, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
    })
  )

const put = Effect.fnUntraced(function* (stage: Stage, request: Approval.ApprovalRequest) {
  if (stage.options.approvalMode === "never") {
    return yield* wrong(`the script asks to ${Approval.describe(request)}, but this thread never asks`)
  }
  yield* say(stage, { _tag: "ApprovalRequested", request })
  const decision = yield* stage.handlers.approve(request)
  const { id: requestId, itemId } = request
  yield* say(stage, {
    _tag: "ApprovalDecided",
    requestId,
    itemId,
    decision: Approval.withoutAnswers(decision),
    source: decision.source ?? "policy"
  })
  if (decision._tag === "cancel") return yield* new CodexError.TurnInterrupted({ by: "policy" })
  return decision
})

const ask = (stage: Stage, request: Approval.ApprovalRequest) =>
  Effect.map(put(stage, request), Approval.isGranted)

type Unnamed<R> = R extends Approval.ApprovalRequest ? Omit<R, "id" | "itemId"> : never

/**
 * The agent asks for permissions, an answer, a form, the call of an MCP server's tool; `expect` looks at what was
 * decided, after it has been held against what was asked.
 */
export const question = (
  asked: Unnamed<Approval.ApprovalRequest>,
  options: { readonly expect?: (decision: Approval.ApprovalDecision) => boolean } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const id = stage.nextId("question")
      const request: Approval.ApprovalRequest = { ...asked, id, itemId: id }
      const decision = yield* put(stage, request)
      if (options.expect?.(decision) === false)
        return yield* wrong(`the answer to ${Approval.describe(request)} is not what the script expects`)
    })
  )

/** A command that Codex runs; with `approval` it asks first, and is not run when the answer is no. */
export const command = (
  script: string,
  options: {
    readonly approval?: boolean
    readonly reason?: string
    readonly exitCode?: number
    readonly output?: string
    readonly takes?: Duration.Input
  } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const item: Item.CommandExecution = {
        _tag: "CommandExecution",
        id: stage.nextId("call"),
        command: script,
        cwd: stage.options.cwd ?? "/",
        status: "inProgress",
        operations: []
      }
      const exitCode = options.exitCode ?? 0
      yield* say(stage, { _tag: "ItemStarted", item })
      const argv = ShellCommand.argv(script)
      const granted =
        options.approval !== true ||
        (yield* ask(stage, {
          _tag: "command",
          id: item.id,
          itemId: item.id,
          ...(options.reason === undefined ? {} : { reason: options.reason }),
          command: script,
          script,
          ...(argv === undefined ? {} : { argv }),
          cwd: item.cwd,
          extra: false
        }))
      if (!granted) return yield* say(stage, { _tag: "ItemCompleted", item: { ...item, status: "declined" } })
      yield* takes(options.takes)
      const output = options.output ?? ""
      if (output !== "") yield* say(stage, { _tag: "OutputDelta", itemId: item.id, delta: output })
      const status = exitCode === 0 ? "completed" : "failed"
      yield* say(stage, { _tag: "ItemCompleted", item: { ...item, status, exitCode, output } })
    })
  )

/** An edit that Codex makes; with `approval` it asks first. */
export const fileChange = (
  changes: ReadonlyArray<Item.Change>,
  options: { readonly approval?: boolean; readonly takes?: Duration.Input } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const item: Item.FileChange = {
        _tag: "FileChange",
        id: stage.nextId("call"),
        changes,
        status: "inProgress"
      }
      yield* say(stage, { _tag: "ItemStarted", item })
      const cwd = stage.options.cwd ?? "/"
      const request = {
        _tag: "file_change",
        id: item.id,
        itemId: item.id,
        changes,
        cwd,
        extra: false
      } as const
      const granted = options.approval !== true || (yield* ask(stage, request))
      if (granted) yield* takes(options.takes)
      yield* say(stage, {
        _tag: "ItemCompleted",
        item: { ...item, status: granted ? "completed" : "declined" }
      })
      if (granted)
        yield* say(stage, { _tag: "DiffUpdated", diff: changes.map((change) => change.diff).join("\n") })
    })
  )

/** The model calls a tool of the thread; `expect` looks at what went back to it. */
export const toolCall = (
  tool: string,
  args: unknown,
  options: { readonly expect?: (output: Engine.EngineToolOutput) => boolean } = {}
): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      if (!stage.options.tools.some((spec) => spec.name === tool)) {
        const given = stage.options.tools.map((spec) => spec.name).join(", ")
        return yield* wrong(
          `the script calls the tool ${tool}, but the thread was given ${given === "" ? "none" : given}`
        )
      }
      const item: Item.ToolCall = {
        _tag: "ToolCall",
        id: stage.nextId("call"),
        tool,
        arguments: args,
        status: "inProgress"
      }
      yield* say(stage, { _tag: "ItemStarted", item })
      const output = yield* stage.handlers.callTool({ callId: item.id, tool, arguments: args })
      yield* say(stage, {
        _tag: "ItemCompleted",
        item: { ...item, status: output.success ? "completed" : "failed", output: output.text }
      })
      if (options.expect?.(output) === false) {
        return yield* wrong(`the tool ${tool} answered what the script does not expect: ${output.text}`)
      }
    })
  )

/** What one model request used, in tokens. */
export const usage = (tokens: Partial<Turn.Usage>): ScriptedStep =>
  step((stage) => say(stage, { _tag: "UsageUpdated", usage: { ...Turn.noUsage, ...tokens } }))

/** Time passes: virtual time under a TestClock. */
export const delay = (duration: Duration.Input): ScriptedStep => step(() => Effect.sleep(duration))

/** Any event, for what has no step of its own. */
export const event = (event: Untimed<Said>): ScriptedStep =>
  step((stage) => say(stage, event as Untimed<Turn.EngineEvent>))

/** Looks at what the caller sent: the text itself, or a test of it. */
export const prompt = (expected: string | ((input: string) => boolean)): ScriptedStep =>
  step((stage) => {
    const fits = typeof expected === "string" ? stage.input === expected : expected(stage.input)
    return fits
      ? Effect.void
      : wrong(`the turn's input is not what the script expects: ${JSON.stringify(stage.input)}`)
  })

/** Waits until somebody steers the turn, and looks at what he says. */
export const steered = (expected: string | ((input: string) => boolean)): ScriptedStep =>
  step(
    Effect.fnUntraced(function* (stage) {
      const said = yield* Queue.take(stage.steered)
      const fits = typeof expected === "string" ? said === expected : expected(said)
      if (!fits)
        return yield* wrong(`the turn is steered by what the script does not expect: ${JSON.stringify(said)}`)
      const item = { _tag: "UserMessage", id: stage.nextId("user"), text: said } as const
      yield* sayAll(stage, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
    })
  )

/** The turn ends; what follows belongs to the next one. A script that ends without it ends like this. */
export const completed: ScriptedStep = { _tag: "End", play: () => Effect.void }

/** The turn ends in this error. */
export const failed = (error: CodexError.TurnError): ScriptedStep => ({
  _tag: "End",
  play: () => Effect.fail(error)
})

/** Codex interrupts the turn. */
export const interrupted: ScriptedStep = failed(new CodexError.TurnInterrupted({ by: "codex" }))

/** Nothing more is heard: the turn lasts until its deadline or until somebody interrupts it. */
export const silence: ScriptedStep = { _tag: "End", play: () => Effect.never }

export class Scripted extends Context.Service<
  Scripted,
  {
    readonly play: (steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
    /** What the turns so far were given, in their order. */
    readonly inputs: Effect.Effect<ReadonlyArray<string>>
    readonly remaining: Effect.Effect<number>
    readonly answer: (method: string, answer: (params: unknown) => unknown) => Effect.Effect<void>
  }
>()("effect-codex/testing/Scripted") {}

/** Puts steps at the end of the script. */
export const play = (steps: ReadonlyArray<ScriptedStep>): Effect.Effect<void, never, Scripted> =>
  Scripted.use((scripted) => scripted.play(steps))

/** What the turns so far were given, in their order. */
export const inputs: Effect.Effect<ReadonlyArray<string>, never, Scripted> = Scripted.use(
  (scripted) => scripted.inputs
)

/** What `codex.request` gets for a method; one that has no answer is refused. */
export const answer = (
  method: string,
  answer: (params: unknown) => unknown
): Effect.Effect<void, never, Scripted> => Scripted.use((scripted) => scripted.answer(method, answer))

const nothingRuns = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "no turn of the thread is running"
})

const unknown = (method: string) =>
  new CodexError.InvalidRequest({
    reason: "Rejected",
    method,
    detail: "the script has no answer to it; give one by Scripted.answer"
  })

const model: ThreadInfo.Model = {
  id: "scripted",
  name: "Scripted",
  description: "Plays a script",
  isDefault: true,
  efforts: [],
  inputs: ["text", "image"]
}

/** The engine, and the service that `play` speaks to. Steps that nobody played by its end are a defect. */
export const layer: Layer.Layer<Engine.Engine | Scripted> = Layer.effectContext(
  Effect.gen(function* () {
    const script: Array<ScriptedStep> = []
    const inputs: Array<string> = []
    let turns = 0
    let ids = 0
    const nextId = (prefix: string) => ItemId.make(`${prefix}_${++ids}`)

    yield* Effect.addFinalizer((exit) =>
      script.length > 0 && exit._tag === "Success"
        ? wrong(`${script.length} steps of the script are left over: no turn came to them`)
        : Effect.void
    )

    /** The steps of the next turn; they are its own, also when other threads play meanwhile. */
    const take = (): ReadonlyArray<ScriptedStep> => {
      const end = script.findIndex((step) => step._tag === "End")
      return script.splice(0, end < 0 ? script.length : end + 1)
    }

    const kept = ThreadStore.make()
    const running = new Map<ThreadId, Queue.Queue<string>>()
    const answers = new Map<string, (params: unknown) => unknown>()

    const thread = (id: ThreadId, options: Engine.EngineThreadOptions): Engine.EngineThread => {
      const begin = (
        input: TurnOptions.TurnInput,
        handlers: Engine.Handlers,
        play: (stage: Stage) => Effect.Effect<void, CodexError.TurnError>
      ) =>
        Effect.flatMap(Queue.unbounded<string>(), (steered) => {
          const turnId = TurnId.make(`turn_${++turns}`)
          running.set(id, steered)
          return kept
            .turn(id, turnId, input, handlers, (handlers) => {
              const stage = {
                threadId: id,
                turnId,
                input: TurnOptions.text(input),
                options,
                handlers,
                nextId,
                steered
              }
              return Effect.andThen(say(stage, { _tag: "TurnStarted", threadId: id, turnId }), play(stage))
            })
            .pipe(Effect.ensuring(Effect.sync(() => running.delete(id))))
        })
      return {
        id,
        model: options.model ?? "scripted",
        provider: "scripted",
        cwd: options.cwd ?? "/",
        turn: (given, _options, handlers) =>
          Effect.suspend(() => {
            const input = TurnOptions.text(given)
            inputs.push(input)
            const steps = take()
            if (steps.length === 0)
              return wrong(`the script has no steps for the input ${JSON.stringify(input)}`)
            return begin(given, handlers, (stage) =>
              Effect.forEach(steps, (step) => step.play(stage), { discard: true })
            )
          }),
        compact: (handlers) =>
          begin("", handlers, (stage) => {
            const item = { _tag: "ContextCompaction", id: nextId("compaction") } as const
            return sayAll(stage, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
          }),
        steer: (given) =>
          Effect.suspend(() => {
            const steered = running.get(id)
            if (steered === undefined) return Effect.fail(nothingRuns)
            return Effect.asVoid(Queue.offer(steered, TurnOptions.text(given)))
          })
      }
    }

    return Context.make(
      Engine.Engine,
      Engine.Engine.of({
        ...kept.directory,
        ready: Effect.void,
        startThread: (options) => Effect.map(kept.open(options), (id) => thread(id, options)),
        resumeThread: (threadId, options) =>
          Effect.as(kept.resume(threadId, options), thread(threadId, options)),
        forkThread: (threadId, { through, ...options }) =>
          Effect.map(kept.fork(threadId, options, through), (id) => thread(id, options)),
        listModels: () => Effect.succeed({ data: [model], next: undefined }),
        request: (method, params) =>
          Effect.suspend(() => {
            const answer = answers.get(method)
            return answer === undefined ? Effect.fail(unknown(method)) : Effect.sync(() => answer(params))
          })
      })
    ).pipe(
      Context.add(
        Scripted,
        Scripted.of({
          play: (steps) => Effect.sync(() => void script.push(...steps)),
          inputs: Effect.sync(() => [...inputs]),
          remaining: Effect.sync(() => script.length),
          answer: (method, answer) => Effect.sync(() => void answers.set(method, answer))
        })
      )
    )
  })
)
