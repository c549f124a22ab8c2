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

export interface LiveTurnOptions {
  /** Where the events are. */
  readonly path: string
  /** The number of the turn, or `undefined` while there is none. */
  readonly turn: number | undefined
  /** Called when the turn has ended, or when the server no longer has its events. */
  readonly onEnd?: () => void
}

/**
 * Follows a turn to its last event, also if the server says before that no turn runs: the events come on another connection. The turn
 * stays after its end, until the next one starts.
 */
export const useLiveTurn = ({
  onEnd,
  path,
  turn: number
}: LiveTurnOptions): TurnModel.LiveTurn | undefined => {
  const [turn, dispatch] = useReducer(
    (turn: TurnModel.LiveTurn, event: TurnModel.EventLineMessage | undefined) =>
      event === undefined ? TurnModel.empty : TurnModel.step(turn, event),
    TurnModel.empty
  )
  const [shown, setShown] = useState(false)
  useEffect(() => {
    if (number === undefined) return undefined
    dispatch(undefined)
    setShown(true)
    return follow(path, {
      onEvent: ({ data }) => {
        const event = parse(data)
        dispatch(event)
        if (lastTypes.has(event.type)) onEnd?.()
      },
      isLast: ({ data }) => lastTypes.has(parse(data).type),
      onRefused: () => {
        setShown(false)
        onEnd?.()
      }
    })
  }, [path, number])
  return shown ? turn : undefined
}
