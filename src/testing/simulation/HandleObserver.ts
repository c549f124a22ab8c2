/** Checks that a handle observes and counts every turn of its thread, also the turns that no caller requests. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import type * as Thread from "../../Thread.ts"
import { type EngineTurn, type RunHistory, startedId } from "./History.ts"

/** Returns the tokens that a turn reported. */
const tokensOf = ({ emitted }: EngineTurn): number => {
  let tokens = 0
  for (const event of emitted)
    if (event._tag === "UsageUpdated") tokens += event.usage.input + event.usage.output
  return tokens
}

const isAgentOf =
  (id: string) =>
  ({ rootThreadId, threadId }: EngineTurn): boolean =>
    rootThreadId === id && threadId !== id

/** Whether a sub-agent, whose name starts with the id of the turn that it works for, runs longer than this turn. */
const outlives = (agent: EngineTurn, turn: EngineTurn): boolean => {
  const id = startedId(turn)
  return (
    id !== undefined &&
    agent.threadId.startsWith(`${id}-`) &&
    (agent.endedAt ?? Infinity) > (turn.endedAt ?? Infinity)
  )
}

/** Longer than the runtime takes to report a turn that has ended in the engine. */
const reportTime = "10 seconds"

/** Observes the activity of a handle that has just opened. The returned effect checks what the handle observed. */
export const observe = Effect.fnUntraced(function* (
  handle: Thread.Thread,
  history: RunHistory
): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  const ended = new Set<string>()
  yield* Effect.forkScoped(
    Stream.runForEach(handle.activity, (event) =>
      Effect.sync(() => {
        if (event._tag === "TurnEnded") ended.add(event.turn.id)
      })
    ),
    { startImmediately: true }
  )
  const turnsOf = () => history.turns().filter(({ threadId }) => threadId === handle.id)
  return Effect.gen(function* () {
    const due = turnsOf().filter(({ end }) => end !== undefined)
    yield* Effect.sleep(reportTime)
    for (const turn of due) {
      const id = startedId(turn)
      if (id !== undefined && !ended.has(id))
        history.addViolation(4, handle.id, `a handle has not observed the end of "${turn.input}"`)
    }
    // What a running turn uses is counted when it ends.
    if (turnsOf().length > due.length) return
    const agents = history.turns().filter(isAgentOf(handle.id))
    // The runtime interrupts a sub-agent that outlives its turn, and no longer counts what the sub-agent uses.
    if (agents.some((agent) => due.some((turn) => outlives(agent, turn)))) return
    const tokens = [...due, ...agents].reduce((sum, turn) => sum + tokensOf(turn), 0)
    const { tokens: spent } = yield* handle.spent
    if (spent !== tokens)
      history.addViolation(5, handle.id, `the turns used ${tokens} tokens, and a handle counted ${spent}`)
  })
})
