/** Durable turns: the list of those in the database, one of them with its events, and the form that submits the next one. */
import { useRef, useState } from "preact/hooks"
import { explain, post, send } from "./Client.ts"
import { LiveTurnView, useLiveTurn } from "./LiveTurn.tsx"
import type { CallerRole, DurableTurnMessage, StateMessage } from "./Messages.ts"
import { dateTime } from "./Times.ts"

export const durablePath = (key: string): string => `/durable/turns/${encodeURIComponent(key)}`

const durableLink = (key: string): string => `#/durable/${encodeURIComponent(key)}`

/** The server continues only threads that it made itself. */
const isOwn = ({ thread }: DurableTurnMessage): boolean => thread.startsWith("serve/")

const isEnded = ({ endedAt }: DurableTurnMessage): boolean => endedAt !== null

/** What the page says about the state of a turn. */
const stateOf = ({ interruptRequestedAt, status }: DurableTurnMessage): string =>
  status === "submitted"
    ? "in the queue"
    : status === "waiting"
      ? "waits for an answer"
      : status === "running" && interruptRequestedAt !== null
        ? "is being interrupted"
        : status

export interface DurableListProps {
  readonly durable: StateMessage["durable"]
  readonly selected: string | undefined
  readonly canSubmit: boolean
}

export const DurableList = ({ canSubmit, durable, selected }: DurableListProps) => (
  <nav aria-labelledby="durable-heading">
    <div class="heading">
      <h2 id="durable-heading">Durable turns</h2>
      {canSubmit && (
        <a class="button" href="#/durable" aria-label="New durable turn">
          New
        </a>
      )}
    </div>
    {durable?.available === false && (
      <p class="problem" role="alert">
        The database of durable turns cannot be reached.
      </p>
    )}
    {durable?.turns.length === 0 && <p>There is no durable turn yet.</p>}
    <ul class="threads">
      {durable?.turns.map((turn) => (
        <li key={turn.key}>
          <a href={durableLink(turn.key)} aria-current={selected === turn.key ? "page" : undefined}>
            <bdi>{turn.key}</bdi>
            <span class="quiet">
              {stateOf(turn)}, {dateTime(turn.endedAt ?? turn.submittedAt)}
            </span>
          </a>
        </li>
      ))}
    </ul>
  </nav>
)

/** An id for a submission. A second attempt after a lost answer has the same one, so it starts no second turn. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(
    ""
  )

export const SubmitForm = ({ label, thread }: { readonly label: string; readonly thread?: string }) => {
  const [text, setText] = useState("")
  const [problem, setProblem] = useState("")
  const [sending, setSending] = useState(false)
  const id = useRef(newId())
  const submit = async () => {
    setSending(true)
    setProblem("")
    try {
      const body = { id: id.current, input: text, ...(thread === undefined ? {} : { thread }) }
      const turn: DurableTurnMessage = await (await send("POST", "/durable/turns", { body })).json()
      id.current = newId()
      setText("")
      location.hash = durableLink(turn.key)
    } catch (error) {
      setProblem(explain(error))
    } finally {
      setSending(false)
    }
  }
  return (
    <form
      class="prompt"
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <label for="durable-prompt">{label}</label>
      <textarea
        id="durable-prompt"
        rows={3}
        value={text}
        onInput={(event) => {
          // Another text is another turn, also after an attempt that got no answer.
          id.current = newId()
          setText(event.currentTarget.value)
        }}
      />
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="button primary" disabled={sending || text.trim() === ""}>
        Submit
      </button>
    </form>
  )
}

export interface DurableTurnProps {
  readonly turnKey: string
  /** The state of the turn, if it is in the list. */
  readonly turn: DurableTurnMessage | undefined
  readonly roles: ReadonlyArray<CallerRole>
}

export const DurableTurnView = ({ roles, turn, turnKey }: DurableTurnProps) => {
  const live = useLiveTurn({ path: `${durablePath(turnKey)}/events`, turn: 1 })
  const [problem, setProblem] = useState("")
  const canSubmit = roles.includes("submit")
  const interrupt = () =>
    post(`${durablePath(turnKey)}/interrupt`).then(
      () => setProblem(""),
      (error: unknown) => setProblem(explain(error))
    )
  return (
    <section aria-labelledby="turn-heading">
      <h2 id="turn-heading" tabIndex={-1}>
        <bdi>{turnKey}</bdi>
      </h2>
      {turn !== undefined && (
        <p class="facts">
          {stateOf(turn)}, submitted {dateTime(turn.submittedAt)}, thread <bdi>{turn.thread}</bdi>
        </p>
      )}
      <div class="turns">{live !== undefined && <LiveTurnView turn={live} />}</div>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {turn !== undefined && !isEnded(turn) && (canSubmit || roles.includes("approve")) && (
        <button type="button" class="button" onClick={() => void interrupt()}>
          Interrupt
        </button>
      )}
      {canSubmit && turn !== undefined && isOwn(turn) && (
        <SubmitForm label="What should the agent do next in this thread?" thread={turn.thread} />
      )}
    </section>
  )
}
