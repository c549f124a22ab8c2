/** One conversation: its turns, the running one as it streams, and what to say next. */
import { useEffect, useRef, useState } from "preact/hooks"
import { explain, get, post, send, ServerError, threadPath } from "./Client.ts"
import { ItemView } from "./ItemView.tsx"
import { LiveTurnView, useLiveTurn } from "./LiveTurn.tsx"
import { TraceView } from "./TraceView.tsx"
import type { CallerRole, HistoryMessage, TurnMessage } from "./Messages.ts"

const outcomes = {
  completed: "",
  failed: "failed",
  interrupted: "interrupted",
  inProgress: "running"
} as const

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

const StoredTurn = ({ turn }: { readonly turn: TurnMessage }) => (
  <section class="turn" aria-label="Turn">
    {turn.items.map((item) => (
      <ItemView key={item.id} item={item} />
    ))}
    <p class="facts">
      {[outcomes[turn.status], turn.duration === undefined ? "" : seconds(turn.duration)]
        .filter(Boolean)
        .join(", ")}
      {turn.error !== undefined && <span class="problem">{` ${turn.error}`}</span>}
    </p>
    {turn.status !== "inProgress" && <TraceView turnId={turn.id} />}
  </section>
)

export interface ThreadProps {
  readonly threadId: string
  readonly running: boolean
  /** The number of the last turn that the server started, if there is one. */
  readonly turn: number | undefined
  readonly roles: ReadonlyArray<CallerRole>
}

/** Returns the turn to follow: one that runs, or that began after the view opened. The history has the others. */
const useFollowed = (running: boolean, turn: number | undefined): number | undefined => {
  const first = useRef(turn)
  const followed = useRef<number | undefined>(undefined)
  if (turn !== undefined && (running || turn !== first.current)) followed.current = turn
  return followed.current
}

export const ThreadView = ({ roles, threadId, turn, ...state }: ThreadProps) => {
  const [history, setHistory] = useState<HistoryMessage>()
  const [problem, setProblem] = useState("")
  const [text, setText] = useState("")
  const [sending, setSending] = useState(false)

  const loads = useRef(0)
  const load = () => {
    const number = ++loads.current
    get<HistoryMessage>(threadPath(threadId)).then(
      (found) => {
        if (number !== loads.current) return
        setHistory(found)
        setProblem("")
      },
      (error: unknown) => {
        // A conversation without a turn is not stored yet.
        if (!(error instanceof ServerError && error.status === 404)) setProblem(explain(error))
      }
    )
  }
  const followed = useFollowed(state.running, turn)
  const live = useLiveTurn({ path: `${threadPath(threadId)}/events`, turn: followed, onEnd: load })
  // The turn before the followed one is in the history.
  useEffect(load, [threadId, followed])
  const running = state.running && live?.end === undefined

  const act = async (run: () => Promise<unknown>) => {
    setSending(true)
    setProblem("")
    try {
      await run()
    } catch (error) {
      setProblem(explain(error))
    } finally {
      setSending(false)
    }
  }
  const submit = () =>
    act(async () => {
      if (running) await post(`${threadPath(threadId)}/steer`, { input: text })
      else {
        // The turn goes on without this request: the events come from the stream that every viewer reads.
        const controller = new AbortController()
        await send("POST", `${threadPath(threadId)}/turns`, {
          body: { input: text, onDisconnect: "continue" },
          signal: controller.signal
        })
        controller.abort()
      }
      setText("")
    })
  const canSubmit = roles.includes("submit")
  const stored = (history?.turns ?? []).filter(
    ({ id, status }) => id !== live?.id && (live === undefined || status !== "inProgress")
  )
  return (
    <section aria-labelledby="thread-heading">
      <h2 id="thread-heading" tabIndex={-1}>
        <bdi>{(history?.name || history?.preview || "Conversation").split("\n")[0]?.slice(0, 120)}</bdi>
      </h2>
      <div class="turns">
        {stored.map((turn) => (
          <StoredTurn key={turn.id} turn={turn} />
        ))}
        {live !== undefined && <LiveTurnView turn={live} />}
      </div>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {running && (canSubmit || roles.includes("approve")) && (
        <button
          type="button"
          class="button"
          disabled={sending}
          onClick={() => void act(() => post(`${threadPath(threadId)}/interrupt`))}
        >
          Interrupt
        </button>
      )}
      {canSubmit ? (
        <form
          class="prompt"
          onSubmit={(event) => {
            event.preventDefault()
            void submit()
          }}
        >
          <label for="prompt">{running ? "Steer the running turn" : "What should the agent do?"}</label>
          <textarea
            id="prompt"
            rows={3}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button type="submit" class="button primary" disabled={sending || text.trim() === ""}>
            {running ? "Steer" : "Send"}
          </button>
        </form>
      ) : (
        <p class="facts">Your token does not have the role submit.</p>
      )}
    </section>
  )
}
