/** Durable turns without a worker: the tests write what a worker would. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { ApprovalRequest } from "../../src/domain/ApprovalRequest.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { StorageUnavailable, ToolFailed } from "../../src/domain/CodexError.ts"
import { ItemId, TurnId } from "../../src/domain/Ids.ts"
import { Durable } from "../../src/durable/Durable.ts"
import { layerRunner } from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"

type Client = Durable["Service"]

/** Opens a database in memory. */
export const open = Effect.map(
  Layer.build(Durable.layerStore.pipe(Layer.provideMerge(layerRunner({ path: ":memory:" })))),
  (context) => ({
    durable: Effect.runSync(Effect.provideContext(Durable, context)),
    store: Effect.runSync(Effect.provideContext(Store, context))
  })
)

const command = (text: string): ApprovalRequest => ({
  _tag: "Command",
  id: "r1",
  itemId: ItemId.make("item-1"),
  command: text,
  script: text,
  cwd: "/srv/app",
  extra: false
})

/** Submits a turn that waits for an answer to a request. */
export const ask = Effect.fnUntraced(function* (
  store: Store["Service"],
  key: string,
  options: { readonly expiresAt?: number; readonly request?: ApprovalRequest } = {}
) {
  const { expiresAt = null, request = command("npm publish") } = options
  const { turn } = yield* store.submit({
    key,
    threadId: undefined,
    threadOptions: {},
    input: "Publish it",
    options: {},
    userHash: undefined,
    team: undefined,
    traceParent: undefined
  })
  const epoch = (yield* store.claim(key, "worker"))?.epoch ?? 0
  const asked = yield* store.approvals.ask({
    id: `approval of ${key}`,
    key,
    threadId: turn.threadId,
    turnId: TurnId.make("turn-1"),
    itemId: request.itemId,
    hash: hash(request),
    request,
    shown: "run a command",
    expiresAt
  })
  yield* store.setStatus(key, epoch, "waiting")
  return { id: asked.id, hash: asked.hash }
})

/** Stores events of a turn. */
export const append = (store: Store["Service"], key: string, count: number) =>
  store.events.append(
    key,
    Array.from({ length: count }, () => ({
      event: { type: "retrying", errorType: "Disconnected", detail: "connect to 10.0.0.7 failed", at: 1 }
    }))
  )

export const finish = (store: Store["Service"], key: string) =>
  store.finish(key, 1, {
    _tag: "Failed",
    error: new ToolFailed({ tool: "deploy", detail: "no", retryable: false })
  })

/** A client whose database cannot be reached while a condition holds. */
export const failingWhile = (durable: Client, isBroken: () => boolean): Client => {
  const check = Effect.suspend(() =>
    isBroken() ? Effect.fail(new StorageUnavailable({ reason: "IoError", detail: "cut off" })) : Effect.void
  )
  return {
    ...durable,
    turns: (filter) => Effect.andThen(check, durable.turns(filter)),
    approvals: { ...durable.approvals, pending: Stream.tap(durable.approvals.pending, () => check) }
  }
}
