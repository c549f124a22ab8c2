/**
 * Runs durable turns of several threads while runners, engines and machines crash, in an order that a seed determines, under
 * virtual time. Afterwards it checks that no turn is lost, none runs twice, and nothing that has happened happens again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type * as Turn from "../../domain/Turn.ts"
import { Durable } from "../../durable/Durable.ts"
import { type CrashStep, crashSteps, type CrashTarget, DurableCrash } from "../../durable/DurableCrash.ts"
import { HasOthers } from "../../durable/runner/DurableRunner.ts"
import * as TimeSlices from "../../internal/TimeSlices.ts"
import * as ToolJournal from "../../tool/ToolJournal.ts"
import * as ToolSettings from "../../tool/ToolSettings.ts"
import * as DurableTest from "../DurableTest.ts"
import * as Scripted from "../Scripted.ts"
import type { ScriptedStep } from "../scripted/ScriptedTurn.ts"
import * as SeededRandom from "../simulation/SeededRandom.ts"

/** What a run did, and which promises it broke. */
export interface DurableReport {
  readonly seed: number
  readonly turns: number
  readonly endings: Readonly<Record<string, number>>
  readonly crashes: Readonly<Record<string, number>>
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
}

const sideEffects = ["read", "idempotent", "once"] as const
type SideEffects = (typeof sideEffects)[number]

const toolOf = (name: SideEffects) =>
  Tool.make(name, { success: Schema.String }).annotate(ToolSettings.SideEffects, name)
const Tools = Toolkit.make(toolOf("read"), toolOf("idempotent"), toolOf("once"))

const threads = 3
const turnsPerThread = 3
const expiry = 120_000

/** What happens in a run. */
const makeHistory = (clock: Clock.Clock) => {
  const lines: Array<string> = []
  const counts = new Map<string, number>()
  return {
    lines,
    log: (text: string) =>
      void lines.push(`${String(clock.currentTimeMillisUnsafe()).padStart(8)} ms  ${text}`),
    count: (name: string) => {
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      return count
    },
    has: (name: string) => counts.has(name),
    counted: (prefix: string) =>
      Object.fromEntries(
        [...counts].flatMap(([name, n]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), n]] : []))
      )
  }
}
type History = ReturnType<typeof makeHistory>

/** Returns the steps of a turn. They depend on its key only, so they do not depend on how turns interleave. */
const stepsOf = (seed: number, key: string): ReadonlyArray<ScriptedStep> => {
  const random = SeededRandom.make(seed, `turn ${key}`)
  const takes = () => random.oneOf([0, 0, 10, 1_000, 20_000])
  const step = (): ScriptedStep => {
    switch (random.below(6)) {
      case 0:
        return Scripted.message("thinking", { deltas: true, takes: takes() })
      case 1:
        return Scripted.command("npm test", { takes: takes() })
      case 2:
        return Scripted.command("git push", { approval: true, takes: takes() })
      case 3:
        return Scripted.delay(takes())
      default:
        return Scripted.toolCall(random.oneOf(sideEffects), {})
    }
  }
  const steps = Array.from({ length: 1 + random.below(4) }, step)
  const failure = new CodexError.TurnFailed({ reason: "Other", detail: "broken" })
  return [
    ...steps,
    Scripted.message("done"),
    random.chance(10) ? Scripted.failed(failure) : Scripted.completed
  ]
}

const textOf = (exit: Exit.Exit<Turn.Turn, CodexError.CodexError>): string =>
  Exit.isSuccess(exit)
    ? "completed"
    : Option.match(Exit.findErrorOption(exit), { onNone: () => "died", onSome: ({ errorType }) => errorType })

/** Submits the turns of a thread, some of them twice, and interrupts some. */
const submitTurns = Effect.fnUntraced(function* (seed: number, thread: string, history: History) {
  const random = SeededRandom.make(seed, `submit ${thread}`)
  const { interrupt, submit } = yield* Durable
  for (let number = 1; number <= turnsPerThread; number++) {
    const key = `${thread}.${number}`
    const options = {
      key,
      thread,
      timeout: "1 hour",
      recovery: random.chance(25) ? "fail" : "continue"
    } as const
    yield* Effect.sleep(random.oneOf([0, 0, 5, 3_000]))
    history.log(`${key} is submitted (${options.recovery})`)
    for (let times = random.chance(30) ? 2 : 1; times > 0; times--) yield* submit(`do ${key}`, options)
    if (!random.chance(10)) continue
    yield* Effect.sleep(random.oneOf([0, 50, 5_000]))
    history.log(`${key} is to be interrupted`)
    history.count(`interrupt ${key}`)
    yield* interrupt(key)
  }
})

/** Answers the approvals that wait, except for some that expire. */
const answerApprovals = Effect.fnUntraced(function* (seed: number, history: History) {
  const random = SeededRandom.make(seed, "answers")
  const { approvals } = yield* Durable
  while (true) {
    yield* Effect.sleep(random.oneOf([10, 1_000, 10_000]))
    for (const { hash, id, key } of yield* approvals.list()) {
      const chance = SeededRandom.make(seed, `answer ${key} ${hash}`)
      if (chance.chance(20)) continue
      const decision = chance.chance(60) ? Approval.accept : Approval.decline("no")
      const answered = yield* Effect.exit(approvals.answer(id, { decision, hash }, "ada"))
      if (Exit.isSuccess(answered)) history.log(`${key}: ${decision._tag}`)
    }
  }
})

/** Crashes the runner, the engine or both, at a moment or at a step. */
const crashAll = Effect.fnUntraced(function* (seed: number, history: History) {
  const random = SeededRandom.make(seed, "crashes")
  const freeze = Effect.fnUntraced(function* (step: CrashStep | undefined, forMillis: number) {
    const thaw = yield* Durable.freeze(step)
    history.log(`the runner freezes: ${step ?? "now"}`)
    yield* Effect.sleep(forMillis)
    yield* thaw
    history.log("the frozen runner thaws")
  })
  const crash = (step: CrashStep | undefined, target: CrashTarget) =>
    Effect.tap(Durable.crash(step, target), () =>
      Effect.sync(() => history.log(`the ${target} has crashed: ${step ?? "now"}`))
    )
  for (let left = 2 + random.below(6); left > 0; left--) {
    const target = random.oneOf(["runner", "runner", "freeze", "engine", "machine"] as const)
    const step = random.chance(70) ? random.oneOf(crashSteps) : undefined
    if (step === undefined) yield* Effect.sleep(random.oneOf([0, 1, 100, 5_000]))
    const happened = yield* Effect.timeoutOption(
      target === "freeze" ? freeze(step, random.oneOf([6_000, 7_000, 20_000])) : crash(step, target),
      "30 seconds"
    )
    if (Option.isSome(happened)) history.count(`crash ${target} ${step ?? "now"}`)
  }
})

const program = Effect.fnUntraced(function* (seed: number, history: History) {
  const durable = yield* Durable
  const names = Array.from({ length: threads }, (_, index) => `thread${index}`)
  yield* Effect.forkScoped(answerApprovals(seed, history))
  const submitted = Effect.forEach(names, (name) => submitTurns(seed, name, history), {
    concurrency: "unbounded",
    discard: true
  })
  yield* Effect.all([submitted, crashAll(seed, history)], { concurrency: "unbounded", discard: true })
  const first = new Map<string, string>()
  const keys = names.flatMap((name) =>
    Array.from({ length: turnsPerThread }, (_, index) => `${name}.${index + 1}`)
  )
  for (const key of keys) first.set(key, JSON.stringify(yield* Effect.exit(durable.await(key))))
  // A runner that starts now has nothing to do.
  yield* Durable.crash()
  yield* Effect.sleep("1 minute")
  return { first, keys }
})

/** Checks what the database says in the end. */
const check = Effect.fnUntraced(function* (
  { first, keys }: { readonly first: ReadonlyMap<string, string>; readonly keys: ReadonlyArray<string> },
  history: History,
  violation: (text: string) => void
) {
  const durable = yield* Durable
  const endings: Record<string, number> = {}
  /** The threads that have a conversation, which later turns continue. */
  const completed = new Set<string | undefined>()
  for (const key of keys) {
    const exit = yield* Effect.exit(durable.await(key))
    if (JSON.stringify(exit) !== first.get(key)) violation(`the outcome of ${key} changes`)
    const ending = textOf(exit)
    endings[ending] = (endings[ending] ?? 0) + 1
    const record = yield* durable.turn(key)
    history.log(`${key} ended: ${ending}`)
    if (ending.startsWith("TurnInterrupted") && !history.has(`interrupt ${key}`))
      violation(`${key} was interrupted, and nobody wanted it`)
    const [thread] = key.split(".")
    if (ending.startsWith("InvalidRequest") && completed.has(thread))
      violation(`the conversation before ${key} is lost`)
    if (Exit.isSuccess(exit)) completed.add(thread)
    const lines = yield* Stream.runCollect(durable.watch(key))
    if (lines.filter(({ type }) => type.startsWith("turn.") && type !== "turn.started").length !== 1)
      violation(`${key} has the ends ${lines.map(({ type }) => type).join(", ")}`)
    if (Exit.isSuccess(exit))
      for (const { id } of exit.value.items) {
        const stored = lines.filter((line) => line.type === "item.completed" && line.item.id === id).length
        if (stored !== 1) violation(`${key}: the end of ${id} is stored ${stored} times`)
      }
    const asked = yield* durable.approvals.list({ key, pending: false })
    const items = new Set(asked.map(({ request }) => request.itemId))
    if (items.size !== asked.length) violation(`${key}: an approval was asked again`)
    for (const { decision, request } of asked) {
      const item = Exit.isSuccess(exit) ? exit.value.items.find(({ id }) => id === request.itemId) : undefined
      if (item?._tag !== "CommandExecution" || decision === null) continue
      if ((decision._tag === "Accept") !== (item.status === "completed"))
        violation(`${key}: the answer to ${item.id} was ${decision._tag}, and the command is ${item.status}`)
    }
    const later = keys[keys.indexOf(key) + 1]
    if (later === undefined || later.split(".")[0] !== key.split(".")[0]) continue
    const next = yield* durable.turn(later)
    if (next.startedAt !== null && record.endedAt !== null && next.startedAt < record.endedAt)
      violation(`${later} started before ${key} had ended`)
  }
  return endings
})

const play = Effect.fnUntraced(function* (seed: number): Effect.fn.Return<DurableReport, never, Scope.Scope> {
  const history = makeHistory(yield* Clock.Clock)
  const violations: Array<string> = []
  const violation = (text: string) => {
    history.log(`VIOLATION ${text}`)
    violations.push(text)
  }
  const runTool = (name: SideEffects) =>
    Effect.gen(function* () {
      const key = yield* ToolJournal.IdempotencyKey
      const times = history.count(`${name} ${key}`)
      history.log(`the tool ${name} runs for ${key}, time ${times}`)
      if (name === "once" && times > 1) violation(`the once tool runs again for ${key}`)
      yield* Effect.sleep(SeededRandom.make(seed, `tool ${key}`).oneOf([0, 0, 10, 3_000]))
      return "result"
    })
  const handlers = Tools.toLayer({
    read: () => runTool("read"),
    idempotent: () => runTool("idempotent"),
    once: () => runTool("once")
  })
  const generate = ({ key = "none" }: { readonly key: string | undefined }) => {
    history.log(`Codex starts ${key}`)
    if (history.count(`start ${key}`) > 1) violation(`Codex starts ${key} again`)
    return stepsOf(seed, key)
  }
  const layer = DurableTest.layerGenerated(
    { tools: Tools, approvalExpiry: expiry, concurrency: 4 },
    generate
    // Frozen runners thaw beside others.
  ).pipe(
    Layer.provide(handlers),
    Layer.provide(Layer.succeed(HasOthers, true)),
    Layer.provideMerge(Logger.layer([]))
  )
  const context = yield* Effect.provideService(Layer.build(layer), TimeSlices.SliceMillis, Infinity)
  const inRun = <A, E>(effect: Effect.Effect<A, E, Durable | DurableCrash | Scope.Scope>) =>
    Effect.provideContext(effect, context)

  const fiber = yield* Effect.forkChild(Effect.scoped(inRun(program(seed, history))))
  const limit = 6 * 3_600_000
  while (fiber.pollUnsafe() === undefined && (yield* Clock.currentTimeMillis) < limit)
    yield* TestClock.adjust("10 seconds")
  const exit = fiber.pollUnsafe()
  let endings: Record<string, number> = {}
  if (exit === undefined) violation("turns have not ended after 6 hours")
  else if (Exit.isFailure(exit)) violation(`the program failed: ${String(exit.cause)}`)
  else endings = yield* Effect.orDie(inRun(check(exit.value, history, violation)))
  return {
    seed,
    turns: threads * turnsPerThread,
    endings,
    crashes: history.counted("crash "),
    violations,
    history: history.lines
  }
})

/** Runs a seed. */
export const run = (seed: number): Effect.Effect<DurableReport> =>
  play(seed).pipe(Effect.scoped, Effect.provide(Layer.fresh(TestClock.layer())))

/** Formats the first broken promise with the history of the run. */
export const describe = ({ history, seed, violations }: DurableReport): string =>
  [`seed ${seed} of durable turns: ${violations[0] ?? "no promise is broken"}`, ...history].join("\n")
