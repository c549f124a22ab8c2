/** The store against a model in memory: random operations of several processes, some of which die before their commit. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import { accept, decline } from "../../../src/domain/ApprovalDecision.ts"
import { TurnInterrupted } from "../../../src/domain/CodexError.ts"
import { ItemId, TurnId } from "../../../src/domain/Ids.ts"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { Store, type StoreShape } from "../../../src/durable/store/Store.ts"

const key = Schema.Literals(["k0", "k1", "k2"])
const thread = Schema.Literals(["t0", "t1"])
const runner = Schema.Literals(["r0", "r1"])
const epoch = Schema.Literals([0, 1, 2, 3])

const Operation = Schema.Union([
  Schema.TaggedStruct("Submit", { key, thread, input: Schema.Literals(["one", "two"]) }),
  Schema.TaggedStruct("Claim", { key, runner }),
  Schema.TaggedStruct("SetStatus", { key, epoch, status: Schema.Literals(["running", "waiting"]) }),
  Schema.TaggedStruct("Finish", { key, epoch }),
  Schema.TaggedStruct("FinishUnclaimed", { key }),
  Schema.TaggedStruct("Interrupt", { key }),
  Schema.TaggedStruct("Ask", { key }),
  Schema.TaggedStruct("Decide", { key, accepts: Schema.Boolean }),
  Schema.TaggedStruct("EndApprovals", { key }),
  Schema.TaggedStruct("Append", { key, epoch, id: Schema.Literals(["e0", "e1", "e2"]) }),
  Schema.TaggedStruct("Prune", {}),
  // A turn ends only once, so new ones have to come.
  Schema.TaggedStruct("Submit", { key, thread, input: Schema.Literals(["one"]) })
])
type Operation = typeof Operation.Type

/** An operation, and whether its process dies right before the commit: one in eight does. */
const Step = Schema.Struct({ operation: Operation, luck: Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7]) })

interface ModelTurn {
  readonly thread: string
  readonly input: string
  readonly order: number
  readonly status: string
  readonly runner: string | null
  readonly epoch: number
  readonly interrupted: boolean
  readonly ended: boolean
  readonly events: ReadonlyArray<string>
}
interface ModelApproval {
  readonly decision: string | null
  readonly ended: boolean
}
interface Model {
  readonly turns: ReadonlyMap<string, ModelTurn>
  readonly approvals: ReadonlyMap<string, ModelApproval>
  readonly submissions: number
}

const withTurn = (model: Model, key: string, change: Partial<ModelTurn>): Model => {
  const turn = model.turns.get(key)
  return turn === undefined
    ? model
    : { ...model, turns: new Map([...model.turns, [key, { ...turn, ...change }]]) }
}
const withApproval = (model: Model, key: string, approval: ModelApproval): Model => ({
  ...model,
  approvals: new Map([...model.approvals, [key, approval]])
})

/** What an operation returns, and the state after it. */
const step = (model: Model, operation: Operation): readonly [unknown, Model] => {
  if (operation._tag === "Prune")
    return [
      [...model.turns.values()].filter(({ ended }) => ended).length,
      { ...model, turns: new Map([...model.turns].filter(([, { ended }]) => !ended)) }
    ]
  const { key } = operation
  const turn = model.turns.get(key)
  const approval = model.approvals.get(key)
  const isOpen = turn !== undefined && !turn.ended
  switch (operation._tag) {
    case "Submit": {
      const { input, thread } = operation
      if (turn !== undefined)
        return [turn.thread === thread && turn.input === input ? false : "KeyReused", model]
      const added = {
        thread,
        input,
        order: model.submissions,
        status: "submitted",
        runner: null,
        epoch: 0,
        interrupted: false,
        ended: false,
        events: []
      }
      return [
        true,
        { ...model, submissions: model.submissions + 1, turns: new Map([...model.turns, [key, added]]) }
      ]
    }
    case "Claim":
      return isOpen
        ? [
            turn.epoch + 1,
            withTurn(model, key, {
              runner: operation.runner,
              epoch: turn.epoch + 1,
              status: turn.status === "submitted" ? "running" : turn.status
            })
          ]
        : [undefined, model]
    case "SetStatus":
      return [
        undefined,
        isOpen && turn.epoch === operation.epoch ? withTurn(model, key, { status: operation.status }) : model
      ]
    case "Finish":
    case "FinishUnclaimed": {
      const mayFinish = operation._tag === "Finish" ? turn?.epoch === operation.epoch : turn?.runner === null
      return isOpen && mayFinish
        ? [true, withTurn(model, key, { status: "interrupted", ended: true })]
        : [false, model]
    }
    case "Interrupt":
      return [isOpen, isOpen ? withTurn(model, key, { interrupted: true }) : model]
    case "Ask":
      return approval === undefined
        ? [null, withApproval(model, key, { decision: null, ended: false })]
        : [
            approval.decision,
            approval.decision === null && isOpen
              ? withApproval(model, key, { ...approval, ended: false })
              : model
          ]
    case "Decide": {
      if (approval === undefined) return ["missing", model]
      if (approval.decision !== null) return ["already", model]
      if (approval.ended) return ["ended", model]
      const decision = operation.accepts ? "Accept" : "Decline"
      return ["accepted", withApproval(model, key, { ...approval, decision })]
    }
    case "EndApprovals":
      // Those of an open turn belong to the runner that has it.
      return [
        undefined,
        approval === undefined || isOpen ? model : withApproval(model, key, { ...approval, ended: true })
      ]
    case "Append":
      return [
        undefined,
        turn !== undefined && turn.epoch === operation.epoch && !turn.events.includes(operation.id)
          ? withTurn(model, key, { events: [...turn.events, operation.id] })
          : model
      ]
  }
}

const outcome = { _tag: "Failed", error: new TurnInterrupted({ by: "caller" }) } as const

const asked = (key: string) => ({
  id: key,
  key,
  threadId: "t",
  turnId: TurnId.make("turn"),
  itemId: ItemId.make("i"),
  hash: "h",
  request: { _tag: "Unknown", id: key, itemId: ItemId.make("i"), method: "m", payload: {} } as const,
  shown: "…",
  expiresAt: null
})

const event = (id: string) => ({
  id,
  event: { type: "events.omitted", deltas: Number(id.slice(1)), events: 0, at: 1 } as const
})

const run = (store: StoreShape, operation: Operation): Effect.Effect<unknown, unknown> => {
  switch (operation._tag) {
    case "Submit":
      return store
        .submit({
          key: operation.key,
          threadId: operation.thread,
          threadOptions: {},
          input: operation.input,
          options: {}
        })
        .pipe(
          Effect.map(({ inserted }): boolean | string => inserted),
          Effect.catchTag("KeyReused", ({ _tag }) => Effect.succeed(_tag))
        )
    case "Claim":
      return Effect.map(store.claim(operation.key, operation.runner), (row) => row?.epoch)
    case "SetStatus":
      return store.setStatus(operation.key, operation.epoch, operation.status)
    case "Finish":
      return store.finish(operation.key, operation.epoch, outcome)
    case "FinishUnclaimed":
      return store.finishUnclaimed(operation.key, outcome)
    case "Interrupt":
      return store.requestInterrupt(operation.key)
    case "Ask":
      return Effect.map(store.approvals.ask(asked(operation.key)), ({ decision }) => decision?._tag ?? null)
    case "Decide":
      return store.approvals.decide(operation.key, operation.accepts ? accept : decline("no"), "ada")
    case "EndApprovals":
      return store.approvals.end(operation.key)
    case "Append":
      return store.events.append(operation.key, [event(operation.id)], operation.epoch)
    case "Prune":
      return Effect.map(store.prune({ endedBefore: Number.MAX_SAFE_INTEGER }), ({ turns }) => turns)
  }
}

/** The state of the store in the terms of the model. */
const read = Effect.fnUntraced(function* (store: StoreShape) {
  const rows = (yield* store.turns({})).toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const turns = yield* Effect.forEach(rows, (row) =>
    Effect.map(
      Effect.all([store.events.after(row.key, 0), store.outcome(row.key), store.approvals.get(row.key)]),
      ([events, outcome, approval]) => ({
        key: row.key,
        thread: row.threadId,
        status: row.status,
        runner: row.runner,
        epoch: row.epoch,
        interrupted: row.interruptRequestedAt !== null,
        ended: row.endedAt !== null && outcome !== undefined,
        events: events.map(({ event }) => (event.type === "events.omitted" ? `e${event.deltas}` : "")),
        decision: approval?.decision?._tag ?? null
      })
    )
  )
  return { turns, heads: (yield* store.open.heads(10)).toSorted() }
})

const expected = (model: Model) => {
  const turns = [...model.turns].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const heads = turns.filter(
    ([, turn]) =>
      turn.status === "submitted" &&
      !turns.some(([, other]) => other.thread === turn.thread && other.order < turn.order && !other.ended)
  )
  return {
    turns: turns.map(([key, { ended, epoch, events, interrupted, runner, status, thread }]) => ({
      key,
      thread,
      status,
      runner,
      epoch,
      interrupted,
      ended,
      events,
      decision: model.approvals.get(key)?.decision ?? null
    })),
    heads: heads.map(([key]) => key)
  }
}

describe("the store", () => {
  it.effect.prop(
    "does what a model in memory does, and nothing of an operation whose process dies before the commit",
    [Schema.Array(Step).check(Schema.isMinLength(80), Schema.isMaxLength(80))],
    ([steps]) =>
      Effect.gen(function* () {
        const store = yield* Store
        const sql = yield* SqlClient.SqlClient
        let model: Model = { turns: new Map(), approvals: new Map(), submissions: 0 }
        for (const [index, { luck, operation }] of steps.entries()) {
          const [result, next] = step(model, operation)
          if (luck === 0) {
            const died = Effect.andThen(run(store, operation), Effect.fail("the process died" as const))
            yield* Effect.flip(sql.withTransaction(died))
          } else {
            assert.deepStrictEqual(yield* run(store, operation), result, operation._tag)
            model = next
          }
          if (index % 4 > 0) continue
          assert.deepStrictEqual(yield* read(store), expected(model))
          // One turn at a time in each thread: no head beside a turn that runs.
          const busy = [...model.turns.values()].filter(({ ended, runner }) => !ended && runner !== null)
          for (const head of expected(model).heads)
            assert.isFalse(
              busy.some(
                ({ order, thread }) =>
                  thread === model.turns.get(head)?.thread && order < (model.turns.get(head)?.order ?? 0)
              )
            )
        }
      }).pipe(Effect.provide(layerRunner({ path: ":memory:" }))),
    { arbitrary: { runs: 8, seed: 7 } }
  )
})
