/**
 * What threads pay for the observation that they do not use: a notification without a subscriber, an event without a
 * consumer of the thread's activity, and a turn on a thread without turns that Codex started. `node bench/unobserved.ts
 * [--quick] [--rounds N]`.
 *
 * Method. Everything runs in this process, without Codex. Each feature is measured by itself, and as a ratio of the same
 * work with it and without it: the work is called as the engine calls it, with the call of the feature left out. The
 * variants alternate in changing order; ratios are computed per round. The work is the least that surrounds the feature: the
 * lines belong to no turn, so that the router only decodes them, and the turn consists of events without tools. CPU is that
 * of this thread. Allocations are what the heap grows by after a collection, over so few calls that no other one runs. "without again"
 * repeats the variant without the feature: its apparent cost is the noise of the machine, so smaller differences mean
 * nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Codex } from "../src/index.ts"
import type * as Turn from "../src/domain/Turn.ts"
import { ItemId, ThreadId, TurnId } from "../src/domain/Ids.ts"
import type * as Engine from "../src/engine/Engine.ts"
import * as MessageRouter from "../src/engine/app-server/MessageRouter.ts"
import * as NotificationHub from "../src/engine/NotificationHub.ts"
import * as SharedThreads from "../src/turn/SharedThreads.ts"
import * as ThreadMembers from "../src/turn/ThreadMembers.ts"
import * as SingleThreadEngine from "../test/support/singleThreadEngine.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(41, 15)
const warmUp = 5

const gc = (() => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  return collect
})()

/** Some work, and how many of its units one call does. */
interface Variant {
  readonly run: (units: number) => void
}

interface Measured {
  /** CPU time of one unit in nanoseconds. */
  readonly nanos: number
  /** Allocated bytes of one unit. */
  readonly bytes: number
}

/** So few that what they allocate fits the young generation: nothing is collected while they run. */
const few = 200

/** Measures one unit of work: its CPU time over many units, its allocations over few. */
const measure = ({ run }: Variant, units: number): Measured => {
  const before = process.threadCpuUsage()
  run(units)
  const { system, user } = process.threadCpuUsage(before)
  gc()
  const heap = process.memoryUsage().heapUsed
  run(few)
  return { nanos: ((user + system) * 1000) / units, bytes: (process.memoryUsage().heapUsed - heap) / few }
}

/** Measures variants in rounds, in changing order. */
const compare = <Name extends string>(variants: Readonly<Record<Name, Variant>>, units: number) => {
  const results = new Map<string, Array<Measured>>()
  const list: ReadonlyArray<readonly [string, Variant]> = Object.entries<Variant>(variants)
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, variant] of Report.rotated(list, round + warmUp)) {
      const measured = measure(variant, units)
      if (round >= 0) results.set(name, [...(results.get(name) ?? []), measured])
    }
  }
  return (name: Name, of: keyof Measured): ReadonlyArray<number> =>
    (results.get(name) ?? []).map((measured) => measured[of])
}

const ratio = (
  name: string,
  of: ReadonlyArray<number>,
  to: ReadonlyArray<number>,
  bar?: number
): Report.Row => ({ name, unit: "x", bar, ...Report.quartilesOf(Report.ratios(of, to)) })

const value = (name: string, unit: Report.Row["unit"], values: ReadonlyArray<number>): Report.Row => ({
  name,
  unit,
  ...Report.quartilesOf(values)
})

const threadId = ThreadId.make("01a20109-ce4e-76c2-a4e7-38a95e2ad7d0")
const turnId = TurnId.make("01a20109-d28b-7251-8d36-abd2f8dd5221")

/** A notification as Codex writes it. */
const line = JSON.stringify({
  method: "item/agentMessage/delta",
  params: { threadId, turnId, itemId: "msg_1", delta: "a few words " }
})

const notifications = (): ReadonlyArray<Report.Row> => {
  const router = MessageRouter.make(new Map(), new Map(), () => {})
  const unobserved = NotificationHub.make()
  // The engine's own listener of one method, as in every program.
  const scope = Scope.makeUnsafe()
  const subscribe = (hub: NotificationHub.NotificationHub, method?: string) =>
    Effect.runSync(hub.subscribe(() => {}, method).pipe(Scope.provide(scope)))
  subscribe(unobserved, "account/rateLimits/updated")
  const observed = NotificationHub.make()
  subscribe(observed)
  const route = (publish: (method: string, params: unknown) => void): Variant => ({
    run: (units) => {
      for (let done = 0; done < units; done++) {
        const { method, params } = JSON.parse(line)
        publish(method, params)
        router.onNotification(method, params, undefined)
      }
    }
  })
  const whole = compare(
    {
      without: route(() => {}),
      "without again": route(() => {}),
      unobserved: route((method, params) => unobserved.publish(method, params, Date.now)),
      observed: route((method, params) => observed.publish(method, params, Date.now))
    },
    20_000
  )
  const without = whole("without", "nanos")
  const { params } = JSON.parse(line)
  const alone = compare(
    {
      publish: {
        run: (units) => {
          for (let done = 0; done < units; done++)
            unobserved.publish("item/agentMessage/delta", params, Date.now)
        }
      }
    },
    1_000_000
  )
  Effect.runSync(Scope.close(scope, Exit.void))
  return [
    value("a notification without a subscriber: publish alone", "ns", alone("publish", "nanos")),
    value("the same, allocated", "bytes", alone("publish", "bytes")),
    {
      name: "a line from Codex: of which publish",
      unit: "%",
      bar: 2,
      value: (Report.median(alone("publish", "nanos")) / Report.median(whole("without", "nanos"))) * 100
    },
    ratio("a line from Codex: unobserved / without", whole("unobserved", "nanos"), without),
    ratio("the noise: without again / without", whole("without again", "nanos"), without),
    ratio("allocated: unobserved / without", whole("unobserved", "bytes"), whole("without", "bytes"), 1.02),
    value("a line from Codex without the feature", "ns", whole("without", "nanos")),
    ratio("a line from Codex: one subscriber / without", whole("observed", "nanos"), without)
  ]
}

const activity = (): ReadonlyArray<Report.Row> => {
  const members = ThreadMembers.make()
  const member = {
    budget: {},
    activity: ThreadMembers.makeActivity(Context.empty()),
    spent: { tokens: 0, timeMillis: 0, toolCalls: 0, modelCalls: 0 }
  }
  ThreadMembers.join(members, member)
  const share = ThreadMembers.share(members, member, true)
  const event: Turn.TurnEvent = {
    _tag: "MessageDelta",
    itemId: ItemId.make("msg_1"),
    delta: "a few words ",
    at: 1
  }
  const alone = compare(
    {
      publish: {
        run: (units) => {
          for (let done = 0; done < units; done++) share.publish(event)
        }
      }
    },
    1_000_000
  )
  const shared = SharedThreads.makeShared(threadId)
  const wait = SharedThreads.awaitAdopted(shared)
  const pass = Effect.void
  const loop = (effect: Effect.Effect<void>): Variant => ({
    run: (units) =>
      void Effect.runSync(Effect.forEach(Array.from({ length: units }), () => effect, { discard: true }))
  })
  const waits = compare({ wait: loop(wait), pass: loop(pass) }, 20_000)
  const more = waits("wait", "nanos").map((nanos, at) => nanos - (waits("pass", "nanos")[at] ?? Number.NaN))
  return [
    value("an event without a consumer of the activity: publish alone", "ns", alone("publish", "nanos")),
    value("the same, allocated", "bytes", alone("publish", "bytes")),
    value("the check before a turn whether Codex runs a turn of its own", "ns", more)
  ]
}

const events = 5000

/** A turn of many events through the whole library: what an event costs with and without a consumer of the activity. */
const turns = async (): Promise<ReadonlyArray<Report.Row>> => {
  const play = async ({ emit }: Engine.Handlers) => {
    emit({ _tag: "TurnStarted", threadId: SingleThreadEngine.threadId, turnId, at: 1 })
    const itemId = ItemId.make("msg_1")
    for (let done = 0; done < events; done++) emit({ _tag: "MessageDelta", itemId, delta: "words ", at: 1 })
    emit({ _tag: "ItemCompleted", item: { _tag: "AgentMessage", id: itemId, text: "done" }, at: 1 })
  }
  const engine = SingleThreadEngine.layer(play)
  const turn = (consumers: number) =>
    Effect.gen(function* () {
      const services = yield* Layer.build(Layer.fresh(Codex.layer).pipe(Layer.provide(engine)))
      const thread = yield* Context.get(services, Codex).startThread()
      for (let count = 0; count < consumers; count++)
        yield* Effect.forkScoped(Stream.runDrain(thread.activity), { startImmediately: true })
      const before = process.threadCpuUsage()
      yield* thread.run("go")
      const { system, user } = process.threadCpuUsage(before)
      return ((user + system) * 1000) / events
    }).pipe(Effect.scoped, Effect.runPromise)
  const costs = { unobserved: [] as Array<number>, observed: [] as Array<number> }
  for (let round = -warmUp; round < rounds; round++) {
    const order =
      round % 2 === 0 ? (["unobserved", "observed"] as const) : (["observed", "unobserved"] as const)
    for (const name of order) {
      const nanos = await turn(name === "observed" ? 1 : 0)
      if (round >= 0) costs[name].push(nanos)
    }
  }
  return [
    value("a text delta through a turn, unobserved", "ns", costs.unobserved),
    ratio("a text delta through a turn: consumer of the activity / none", costs.observed, costs.unobserved)
  ]
}

const [ofLines, ofActivity, ofTurns] = [notifications(), activity(), await turns()]
const delta = ofTurns[0]?.value ?? Number.NaN
const publish = ofActivity[0]?.value ?? Number.NaN
Report.finish([
  ...ofLines,
  ...ofActivity,
  ...ofTurns,
  { name: "of which without a consumer: the activity", unit: "%", value: (publish / delta) * 100, bar: 5 }
])
