/** What programs see of turns that outlive them. The real Codex behind a socket and the scripted one must give the same. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import type * as CodexError from "../../src/domain/CodexError.ts"
import type { ThreadId } from "../../src/domain/Ids.ts"
import type * as Item from "../../src/domain/Item.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import type { Thread } from "../../src/Thread.ts"

/** What the model does in each turn. */
export type Step =
  | { readonly _tag: "Command"; readonly asks?: true; readonly endless?: true }
  | { readonly _tag: "Tool" }
  | { readonly _tag: "Message"; readonly text: string }

const message = (text: string): Step => ({ _tag: "Message", text })

/** The turns in their order. */
export const script: ReadonlyArray<ReadonlyArray<Step>> = [
  [{ _tag: "Command", asks: true }, message("accepted")],
  [{ _tag: "Tool" }, message("called")],
  [{ _tag: "Command", asks: true }, message("one answer")],
  [{ _tag: "Command", endless: true }],
  [message("after"), { _tag: "Command", endless: true }]
]

/** A Codex that plays the script. */
export interface Subject {
  /** A new program with its own connection. */
  readonly program: Layer.Layer<Codex>
  readonly options: ThreadOptions
  /** Kills Codex and starts it again. */
  readonly crash: Effect.Effect<void>
}

export const Lookup = Toolkit.make(Tool.make("lookup", { success: Schema.String }))
const withTool = (lookup: () => Effect.Effect<string>) => Effect.provide(Lookup, Lookup.toLayer({ lookup }))

const acceptAll: Approval.Policy = () => Effect.succeed(Approval.accept)

const shown = (item: Item.Item): ReadonlyArray<string> => {
  switch (item._tag) {
    case "CommandExecution":
    case "ToolCall":
      return [`${item._tag} ${item.status}`]
    case "AgentMessage":
      return [item.text]
    default:
      return []
  }
}
const itemsOf = ({ items }: Turn.Turn) => items.flatMap(shown)
const errorOf = (error: CodexError.CodexError) => [
  error._tag,
  ...("turn" in error && error.turn !== undefined ? itemsOf(error.turn) : [])
]

/** Waits until an event of a thread. Begins to look at once. */
const until = (thread: Thread, happened: (event: Turn.TurnEvent) => boolean) =>
  Effect.forkChild(
    Stream.runDrain(
      Stream.takeUntil(thread.activity, (event) => event._tag === "TurnProgress" && happened(event.event))
    ),
    { startImmediately: true }
  )

const commandStarts = (event: Turn.TurnEvent) =>
  event._tag === "ItemStarted" && event.item._tag === "CommandExecution"

/** Runs all scenarios, and returns what was seen. */
export const observe = Effect.fnUntraced(function* ({ crash, options, program }: Subject) {
  const inProgram = <A, E, R>(effect: Effect.Effect<A, E, R>, policy?: Approval.Policy) =>
    Effect.scoped(effect).pipe(
      Effect.provide(
        policy === undefined ? [Layer.fresh(program)] : [Layer.fresh(program), Approval.layer(policy)]
      )
    )
  const attach = (id: ThreadId) => Effect.flatMap(Codex, (codex) => codex.attach(id))
  const resume = (id: ThreadId) => Effect.flatMap(Codex, (codex) => codex.resumeThread(id, options))

  /** A policy that never decides, and says when it is asked and when it is interrupted. */
  const undecided = Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const ended = yield* Deferred.make<void>()
    const policy: Approval.Policy = () =>
      Effect.andThen(Deferred.succeed(asked, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
      )
    return { policy, asked: Deferred.await(asked), ended: Deferred.await(ended) }
  })
  // An approval waits for the next program that has a policy.
  const first = yield* undecided
  const id = yield* inProgram(
    Effect.gen(function* () {
      const { startThread } = yield* Codex
      const tools = yield* withTool(() => Effect.never)
      const thread = yield* startThread({ ...options, tools, onScopeClose: "detach" })
      yield* Effect.forkScoped(Effect.exit(thread.run("go", { key: "approval" })), { startImmediately: true })
      yield* first.asked
      return thread.id
    }),
    first.policy
  )
  const looked = yield* inProgram(Effect.flatMap(attach(id), ({ snapshot }) => snapshot))
  const accepted = yield* inProgram(
    Effect.gen(function* () {
      const attached = yield* attach(id)
      const events = yield* Effect.forkChild(Stream.runCollect(attached.events), { startImmediately: true })
      const turn = yield* attached.await
      const decided = (yield* Fiber.join(events)).flatMap((event) =>
        event._tag === "ApprovalDecided" ? [event.decision._tag] : []
      )
      return { items: itemsOf(turn), decided }
    }),
    acceptAll
  )
  const again = yield* inProgram(
    Effect.flatMap(resume(id), (thread) => thread.run("go", { key: "approval" }))
  )

  // A tool call waits for the next program that has the tool.
  const called = yield* Deferred.make<void>()
  yield* inProgram(
    Effect.gen(function* () {
      const tools = yield* withTool(() => Effect.andThen(Deferred.succeed(called, undefined), Effect.never))
      const { resumeThread } = yield* Codex
      const thread = yield* resumeThread(id, { ...options, tools, onScopeClose: "detach" })
      yield* Effect.forkScoped(Effect.exit(thread.run("go", { key: "tool" })), { startImmediately: true })
      yield* Deferred.await(called)
    })
  )
  const tool = yield* inProgram(
    Effect.gen(function* () {
      const tools = yield* withTool(() => Effect.succeed("found"))
      const { resumeThread } = yield* Codex
      const thread = yield* resumeThread(id, { ...options, tools, onScopeClose: "detach" })
      return itemsOf(yield* thread.run("other input", { key: "tool" }))
    })
  )

  // Two programs are asked, and the first answer counts.
  const second = yield* undecided
  const race = yield* inProgram(
    Effect.gen(function* () {
      const thread = yield* resume(id)
      const decided = yield* until(thread, (event) => event._tag === "ApprovalDecided")
      const running = yield* Effect.forkChild(thread.run("go", { key: "race" }), { startImmediately: true })
      yield* second.asked
      const other = yield* inProgram(
        Effect.flatMap(attach(id), (attached) => attached.await),
        acceptAll
      )
      yield* second.ended
      yield* Fiber.join(decided)
      return [itemsOf(other), itemsOf(yield* Fiber.join(running))]
    }),
    second.policy
  )

  // A program that does not detach interrupts its turn for all.
  const interrupted = yield* inProgram(
    Effect.gen(function* () {
      const seen = yield* Deferred.make<void>()
      const owner = yield* Effect.forkChild(
        inProgram(
          Effect.gen(function* () {
            const thread = yield* resume(id)
            const starts = yield* until(thread, commandStarts)
            yield* Effect.forkScoped(Effect.exit(thread.run("go", { key: "interrupted" })), {
              startImmediately: true
            })
            yield* Fiber.join(starts)
            yield* Deferred.succeed(seen, undefined)
            return yield* Effect.never
          })
        )
      )
      yield* Deferred.await(seen)
      const attached = yield* attach(id)
      yield* Fiber.interrupt(owner)
      const error = yield* Effect.flip(attached.await)
      const thread = yield* resume(id)
      const stored = yield* Effect.flip(thread.run("go", { key: "interrupted" }))
      return [error._tag, stored._tag]
    })
  )

  // Codex dies, and its history says so.
  const died = yield* inProgram(
    Effect.gen(function* () {
      const thread = yield* resume(id)
      const starts = yield* until(thread, commandStarts)
      const running = yield* Effect.forkChild(Effect.flip(thread.run("go", { key: "died" })), {
        startImmediately: true
      })
      yield* Fiber.join(starts)
      yield* crash
      return errorOf(yield* Fiber.join(running))[0]
    })
  )
  const lost = yield* inProgram(
    Effect.flatMap(resume(id), (thread) => Effect.flip(thread.run("go", { key: "died" })))
  )
  const none = yield* inProgram(Effect.flip(attach(id)))
  return {
    looked: itemsOf(looked),
    accepted,
    again: itemsOf(again),
    tool,
    race,
    interrupted,
    died,
    lost: errorOf(lost),
    none: none._tag === "InvalidRequest" ? none.reason : none._tag
  }
})

/** What programs see. */
export const expected: Effect.Success<ReturnType<typeof observe>> = {
  looked: [],
  accepted: { items: ["CommandExecution completed", "accepted"], decided: ["Accept"] },
  again: ["CommandExecution completed", "accepted"],
  tool: ["ToolCall completed", "called"],
  race: [
    ["CommandExecution completed", "one answer"],
    ["CommandExecution completed", "one answer"]
  ],
  interrupted: ["TurnInterrupted", "TurnInterrupted"],
  died: "EngineExited",
  lost: ["EngineExited", "after"],
  none: "NoTurnRunning"
}
