/** A turn as it runs: it follows the events of a stream, and shows what has arrived. */
import { useEffect, useReducer, useState } from "preact/hooks"
import { follow } from "./EventFollower.ts"
import { ItemView } from "./ItemView.tsx"
import { TraceView } from "./TraceView.tsx"
import * as TurnModel from "./TurnModel.ts"

export const LiveTurnView = ({ turn }: { readonly turn: TurnModel.LiveTurn }) => (
  <section class="turn" aria-label="Running turn" aria-busy={turn.end === undefined}>
    {turn.omitted > 0 && <p class="facts">{turn.omitted} earlier events are no longer kept.</p>}
    {[...turn.items.values()].map(({ item, partial }) => (
      <ItemView key={item.id} item={item} partial={partial} />
    ))}
    <p class="facts">
      {[
        turn.end === undefined ? "running" : turn.end.outcome,
        turn.usage === undefined ? "" : `${turn.usage.input} + ${turn.usage.output} tokens`,
        turn.end?.cost === undefined ? "" : `$${turn.end.cost.toFixed(4)}`,
        turn.retries === 0 ? "" : `${turn.retries} retries`
      ]
        .filter(Boolean)
        .join(", ")}
      {turn.end?.error !== undefined && <span class="problem">{` ${turn.end.error}`}</span>}
    </p>
    {turn.end !== undefined && turn.id !== undefined && <TraceView turnId={turn.id} />}
  </section>
)

const lastTypes = new Set(["turn.completed", "turn.failed", "turn.interrupted"])

const parse = (data: string): TurnModel.EventLineMessage => JSON.parse(data)

/** Follows the turn whose events are at a path, while there is one. The turn stays after its end, until the next one starts. */
export const useLiveTurn = (path: string, running: boolean): TurnModel.LiveTurn | undefined => {
  const [turn, dispatch] = useReducer(
    (turn: TurnModel.LiveTurn, event: TurnModel.EventLineMessage | undefined) =>
      event === undefined ? TurnModel.empty : TurnModel.step(turn, event),
    TurnModel.empty
  )
  const [shown, setShown] = useState(false)
  useEffect(() => {
    if (!running) return undefined
    dispatch(undefined)
    setShown(true)
    return follow(path, {
      onEvent: ({ data }) => {
        dispatch(parse(data))
      },
      isLast: ({ data }) => lastTypes.has(parse(data).type)
    })
  }, [path, running])
  return shown ? turn : undefined
}
