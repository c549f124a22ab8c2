/** One waiting approval request: all of its lines, and the buttons that answer it. */
import { useEffect, useRef, useState } from "preact/hooks"
import * as AnswerForm from "./AnswerForm.tsx"
import { get, send, ServerError, threadPath } from "./Client.ts"
import type { FieldMessage, InboxMessage, RequestMessage } from "./Messages.ts"
import { RequestLines } from "./RequestLines.tsx"
import { countdown, useNow } from "./Times.ts"

interface Shown extends Omit<RequestMessage, "from"> {
  readonly fields: ReadonlyArray<FieldMessage>
}

type Decision = "accept" | "acceptForSession" | "decline" | "cancel"

const confirmations: Readonly<Record<Decision, string>> = {
  accept: "Approved.",
  acceptForSession: "Approved for the session.",
  decline: "Declined.",
  cancel: "Declined, and the turn stops."
}

/** Where the lines of a request are, and where its answer goes. */
const pathsOf = ({ id, threadId = "", turnKey }: InboxMessage) => {
  const encoded = encodeURIComponent(id)
  const durable = `/durable/approvals/${encoded}`
  return turnKey === undefined
    ? { lines: `/inbox/${encoded}`, answer: `${threadPath(threadId)}/approvals/${encoded}` }
    : { lines: durable, answer: durable }
}

/** What the page says about an answer that the server did not take. */
const explain = (error: unknown): string => {
  if (!(error instanceof ServerError)) return "The server cannot be reached. The request may still wait."
  switch (error.error) {
    case "AlreadyDecided":
      return `AlreadyDecided: ${error.message}`
    case "ArgumentsChanged":
      return "The request is no longer the one that is shown. Read it again."
    default:
      return error.message
  }
}

const Deadline = ({ deadline }: { readonly deadline: number }) => {
  const now = useNow(1000)
  return (
    <span class={deadline - now < 60_000 ? "deadline soon" : "deadline"}>{countdown(deadline - now)}</span>
  )
}

const headingId = (id: string): string => `request-${id}`

/** The address of a request in the inbox. */
export const requestLink = (id: string): string => `#/inbox/${encodeURIComponent(id)}`

/** Focuses a request, and returns whether the page shows it. */
export const focusRequest = (id: string): boolean => {
  const heading = document.getElementById(headingId(id))
  heading?.focus()
  return heading !== null
}

export interface RequestCardProps {
  readonly entry: InboxMessage
  /** Whether nothing on the page moved just now, so that a press means the request under it. */
  readonly armed: boolean
  readonly canApprove: boolean
  /** The request was answered or is gone: why, for the person. */
  readonly onEnd: (id: string, message: string) => void
}

export const RequestCard = ({ armed, canApprove, entry, onEnd }: RequestCardProps) => {
  const [shown, setShown] = useState<Shown>()
  const [problem, setProblem] = useState("")
  const [sending, setSending] = useState(false)
  const [values, setValues] = useState<AnswerForm.Values>(new Map())
  const more = useRef<HTMLDivElement>(null)

  const load = async (from: number) => {
    try {
      const page = await get<RequestMessage>(`${pathsOf(entry).lines}?from=${from}`)
      setShown((old) => ({ ...page, lines: [...(from === 0 ? [] : (old?.lines ?? [])), ...page.lines] }))
      if (from > 0) more.current?.focus()
    } catch (error) {
      setProblem(explain(error))
    }
  }
  useEffect(() => void load(0), [entry.id, entry.hash])

  const answer = async (decision: Decision) => {
    if (shown === undefined || sending) return
    setSending(true)
    setProblem("")
    const accepts = decision === "accept" || decision === "acceptForSession"
    const given = accepts ? AnswerForm.givenOf(shown.answer, shown.fields, values) : undefined
    try {
      await send("POST", pathsOf(entry).answer, {
        body: { hash: shown.hash, decision, ...(given === undefined ? {} : { given }) }
      })
      onEnd(entry.id, confirmations[decision])
    } catch (error) {
      const text = explain(error)
      if (error instanceof ServerError && (error.status === 404 || error.error === "AlreadyDecided"))
        onEnd(entry.id, text)
      else setProblem(text)
    } finally {
      setSending(false)
    }
  }

  const isWhole = shown !== undefined && shown.lines.length >= shown.total
  const isMissing = shown !== undefined && !AnswerForm.isComplete(shown.fields, values)
  const heading = headingId(entry.id)
  return (
    <article class="card" aria-labelledby={heading}>
      <h3 id={heading} tabIndex={-1}>
        The agent asks to {entry.title}
      </h3>
      <p class="facts">
        {entry.deadline === undefined ? (
          "Waits without a limit"
        ) : (
          <>
            Declined by itself in <Deadline deadline={entry.deadline} />
          </>
        )}
        {entry.threadId !== undefined && (
          <>
            {" · "}
            <a href={`#/threads/${encodeURIComponent(entry.threadId)}`}>conversation</a>
          </>
        )}
        {entry.turnKey !== undefined && (
          <>
            {" · durable turn "}
            <a href={`#/durable/${encodeURIComponent(entry.turnKey)}`}>
              <bdi>{entry.turnKey}</bdi>
            </a>
          </>
        )}
      </p>
      {shown === undefined ? <p>Loading…</p> : <RequestLines lines={shown.lines} />}
      {shown !== undefined && !isWhole && (
        <div ref={more} tabIndex={-1} class="more">
          <p>
            {shown.lines.length} of {shown.total} lines are shown. The request can be approved after the last
            one.
          </p>
          <button type="button" class="button" onClick={() => void load(shown.lines.length)}>
            Show more lines
          </button>
        </div>
      )}
      {canApprove && isWhole && shown.fields.length > 0 && (
        <AnswerForm.AnswerForm id={entry.id} fields={shown.fields} values={values} onChange={setValues} />
      )}
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {canApprove ? (
        <div class="actions">
          {shown?.answer !== "decline" && (
            <button
              type="button"
              class="button primary"
              disabled={!armed || !isWhole || isMissing || sending}
              onClick={() => void answer("accept")}
            >
              {shown?.answer === "decision" || shown === undefined ? "Approve" : "Send the answers"}
            </button>
          )}
          {shown?.answer === "decision" && (
            <button
              type="button"
              class="button"
              disabled={!armed || !isWhole || sending}
              onClick={() => void answer("acceptForSession")}
            >
              Approve for the session
            </button>
          )}
          <button
            type="button"
            class="button"
            disabled={shown === undefined || sending}
            onClick={() => void answer("decline")}
          >
            Decline
          </button>
          <button
            type="button"
            class="button"
            disabled={shown === undefined || sending}
            onClick={() => void answer("cancel")}
          >
            Stop the turn
          </button>
        </div>
      ) : (
        <p class="facts">Your token does not have the role approve.</p>
      )}
    </article>
  )
}
