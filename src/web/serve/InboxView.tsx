/** The approval inbox: every waiting request, oldest first, and what became of the ones that were here. */
import { useEffect, useState } from "preact/hooks"
import type { InboxMessage } from "./Messages.ts"
import { RequestCard } from "./RequestCard.tsx"

/** For how long after the list changed a request cannot be approved: the press may be meant for what was there before. */
const settleMillis = 700

const useSettled = (key: string): boolean => {
  const [settled, setSettled] = useState<string>()
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), settleMillis)
    return () => clearTimeout(timer)
  }, [key])
  return settled === key
}

export interface EndedRequest {
  readonly id: string
  readonly title: string
  readonly message: string
}

export interface InboxProps {
  readonly inbox: ReadonlyArray<InboxMessage>
  readonly canApprove: boolean
  readonly ended: ReadonlyArray<EndedRequest>
  readonly onEnd: (entry: InboxMessage, message: string) => void
}

export const InboxView = ({ canApprove, ended, inbox, onEnd }: InboxProps) => {
  const armed = useSettled(inbox.map(({ id }) => id).join())
  return (
    <section aria-labelledby="inbox-heading">
      <h2 id="inbox-heading" tabIndex={-1}>
        Approvals
      </h2>
      <div role="status" class="ended">
        {ended.map(({ id, message, title }) => (
          <p key={id}>
            <span class="quiet">{title}: </span>
            {message}
          </p>
        ))}
      </div>
      {inbox.length === 0 && <p>No request waits.</p>}
      {inbox.map((entry) => (
        <RequestCard
          key={entry.id}
          entry={entry}
          armed={armed}
          canApprove={canApprove}
          onEnd={(_, message) => onEnd(entry, message)}
        />
      ))}
    </section>
  )
}
