/** The conversations that the server has started, newest first. */
import { useEffect, useState } from "preact/hooks"
import { explain, get, send } from "./Client.ts"
import type { StateMessage, ThreadMessage } from "./Messages.ts"
import { dateTime } from "./Times.ts"

const title = ({ id, name, preview }: ThreadMessage): string =>
  (name ?? preview).split("\n")[0]?.slice(0, 120) || id

export interface ThreadsProps {
  readonly open: StateMessage["open"]
  readonly selected: string | undefined
  readonly canSubmit: boolean
}

/** Opens a new conversation and shows it. */
const start = async (): Promise<void> => {
  const { id }: { readonly id: string } = await (await send("POST", "/threads", { body: {} })).json()
  location.hash = `#/threads/${encodeURIComponent(id)}`
}

export const ThreadsView = ({ canSubmit, open, selected }: ThreadsProps) => {
  const [threads, setThreads] = useState<ReadonlyArray<ThreadMessage>>()
  const [problem, setProblem] = useState("")
  const running = new Set(open.filter((each) => each.running).map(({ id }) => id))
  const key = open.map(({ id, running }) => `${id}${running}`).join()
  useEffect(() => {
    const controller = new AbortController()
    get<ReadonlyArray<ThreadMessage>>("/threads?limit=100", controller.signal)
      .then(setThreads)
      .catch((error: unknown) => !controller.signal.aborted && setProblem(explain(error)))
    return () => controller.abort()
  }, [key])
  const listed = threads ?? []
  // Codex stores a conversation with its first turn; before that it is only open.
  const unlisted = open.filter(({ id }) => !listed.some((thread) => thread.id === id))
  return (
    <nav aria-labelledby="threads-heading">
      <div class="heading">
        <h2 id="threads-heading">Conversations</h2>
        {canSubmit && (
          <button
            type="button"
            class="button"
            onClick={() => void start().catch((error: unknown) => setProblem(explain(error)))}
          >
            New
          </button>
        )}
      </div>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {threads !== undefined && listed.length + unlisted.length === 0 && <p>There is no conversation yet.</p>}
      <ul class="threads">
        {[
          ...unlisted.map(({ id }) => ({ id, text: "New conversation", at: undefined })),
          ...listed.map((thread) => ({ id: thread.id, text: title(thread), at: thread.updatedAt }))
        ].map(({ at, id, text }) => (
          <li key={id}>
            <a
              href={`#/threads/${encodeURIComponent(id)}`}
              aria-current={selected === id ? "page" : undefined}
            >
              <bdi>{text}</bdi>
              <span class="quiet">{running.has(id) ? "running" : at === undefined ? "" : dateTime(at)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
