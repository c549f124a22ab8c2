/** The page: what is shown where, and the state of the server that every part follows. */
import { useEffect, useRef, useState } from "preact/hooks"
import * as Client from "./Client.ts"
import { follow } from "./EventFollower.ts"
import { DurableList, DurableTurnView, SubmitForm } from "./DurableView.tsx"
import { type EndedRequest, InboxView } from "./InboxView.tsx"
import { LimitsView } from "./LimitsView.tsx"
import { explainLogin, LoginView } from "./LoginView.tsx"
import type { InboxMessage, LoginMessage, MeMessage, StateMessage } from "./Messages.ts"
import * as Notifications from "./Notifications.tsx"
import { focusRequest } from "./RequestCard.tsx"
import { ThreadsView } from "./ThreadsView.tsx"
import { ThreadView } from "./ThreadView.tsx"

const views = ["inbox", "threads", "durable", "limits"] as const

type Route =
  | { readonly view: (typeof views)[number]; readonly requestId?: string }
  | { readonly view: "thread" | "turn"; readonly id: string }

const routeOf = (hash: string): Route => {
  const [, view, id] = /^#\/(inbox|threads|durable)\/([^/]+)$/.exec(hash) ?? []
  if (id !== undefined) {
    try {
      const decoded = decodeURIComponent(id)
      if (view === "inbox") return { view, requestId: decoded }
      return { view: view === "threads" ? "thread" : "turn", id: decoded }
    } catch {
      return { view: "inbox" }
    }
  }
  return { view: views.find((view) => hash === `#/${view}`) ?? "inbox" }
}

const useRoute = (): Route => {
  const [route, setRoute] = useState(routeOf(location.hash))
  useEffect(() => {
    const change = () => setRoute(routeOf(location.hash))
    addEventListener("hashchange", change)
    return () => removeEventListener("hashchange", change)
  }, [])
  return route
}

const noState: StateMessage = { inbox: [], open: [] }

/** How many requests that ended the inbox still mentions. */
const maxEnded = 5

/** Why a request went away that this page did not answer. */
const gone = "It was answered elsewhere, it was withdrawn, or its time was over."

/** Follows the state of the server, and remembers the requests that went away while this page showed them. */
const useServerState = () => {
  const [state, setState] = useState<StateMessage>()
  const [connected, setConnected] = useState(true)
  const [ended, setEnded] = useState<ReadonlyArray<EndedRequest>>([])
  const known = useRef<ReadonlyArray<InboxMessage>>([])
  const answered = useRef(new Set<string>())
  const add = ({ id, title }: InboxMessage, message: string) =>
    setEnded((old) => [{ id, title, message }, ...old.filter((each) => each.id !== id)].slice(0, maxEnded))
  useEffect(
    () =>
      follow("/updates", {
        onConnected: setConnected,
        onEvent: ({ data }) => {
          const next: StateMessage = JSON.parse(data)
          setState(next)
          for (const entry of known.current)
            if (
              !answered.current.has(entry.id) &&
              !next.inbox.some(({ id }) => id === entry.id) &&
              // The list says that the database cannot be reached.
              (entry.turnKey === undefined || next.durable?.available !== false)
            )
              add(entry, gone)
          known.current = next.inbox
        }
      }),
    []
  )
  const end = (entry: InboxMessage, message: string) => {
    answered.current.add(entry.id)
    add(entry, message)
    // The server says so too, but a card that is answered does not wait for it.
    setState((old) => old && { ...old, inbox: old.inbox.filter(({ id }) => id !== entry.id) })
  }
  return { state, connected, ended, end }
}

const Page = ({ me, onLogout }: { readonly me: MeMessage; readonly onLogout: () => void }) => {
  const route = useRoute()
  const { connected, end, ended, state: received } = useServerState()
  const state = received ?? noState
  Notifications.useNotifications(state.inbox)
  const content = useRef<HTMLDivElement>(null)
  const requestId = "requestId" in route ? route.requestId : undefined
  const routeKey = [route.view, "id" in route ? route.id : requestId].join(" ")
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = state.inbox.length === 0 ? "effect-codex" : `(${state.inbox.length}) effect-codex`
  }, [state.inbox.length])
  useEffect(() => {
    // A screen reader announces the new view; the first view was not asked for.
    if (!isFirst.current && (requestId === undefined || !focusRequest(requestId)))
      content.current?.querySelector("h2")?.focus()
    isFirst.current = false
  }, [routeKey])
  const link = (view: Route["view"], text: string) => (
    <a href={`#/${view}`} aria-current={route.view === view ? "page" : undefined}>
      {text}
    </a>
  )
  const selected = (view: "thread" | "turn") => (route.view === view ? route.id : undefined)
  const [threadId, turnKey] = [selected("thread"), selected("turn")]
  const canSubmit = me.roles.includes("submit")
  const open = state.open.find(({ id }) => id === threadId)
  const turn = state.durable?.turns.find(({ key }) => key === turnKey)
  return (
    <>
      <header>
        <h1>effect-codex</h1>
        <nav class="views" aria-label="Views">
          {link("inbox", `Approvals (${state.inbox.length})`)}
          {link("threads", "Conversations")}
          {link("limits", "Settings")}
        </nav>
        <span class="quiet">
          {me.name} ({me.roles.join(", ")})
        </span>
        <button type="button" class="button" onClick={onLogout}>
          Log out
        </button>
      </header>
      {!connected && (
        <p class="banner" role="alert">
          The connection to the server is lost. What is shown may be old.
        </p>
      )}
      <main class={`columns ${route.view}`}>
        <div class="side">
          <ThreadsView open={state.open} selected={threadId} canSubmit={canSubmit} />
          {me.durable && <DurableList durable={state.durable} selected={turnKey} canSubmit={canSubmit} />}
        </div>
        <div class="content" ref={content}>
          {route.view === "thread" && received !== undefined && (
            <ThreadView
              key={route.id}
              threadId={route.id}
              roles={me.roles}
              running={open?.running === true}
              turn={open?.turn}
            />
          )}
          {route.view === "turn" && (
            <DurableTurnView key={route.id} turnKey={route.id} turn={turn} roles={me.roles} />
          )}
          {route.view === "durable" && (
            <section aria-labelledby="submit-heading">
              <h2 id="submit-heading" tabIndex={-1}>
                New durable turn
              </h2>
              {canSubmit ? (
                <SubmitForm label="What should the agent do?" />
              ) : (
                <p class="facts">Your token does not have the role submit.</p>
              )}
            </section>
          )}
          {route.view === "limits" && <LimitsView me={me} />}
          {route.view !== "limits" && (
            <InboxView
              inbox={
                "id" in route
                  ? state.inbox.filter(
                      (each) => (route.view === "thread" ? each.threadId : each.turnKey) === route.id
                    )
                  : state.inbox
              }
              canApprove={me.roles.includes("approve")}
              ended={ended}
              onEnd={end}
            />
          )}
        </div>
      </main>
    </>
  )
}

/** The code in the fragment of the address that the terminal printed. It goes away before anything else happens. */
const takeCode = (): string | undefined => {
  const code = /^#code=([\w-]{1,200})$/.exec(location.hash)?.[1]
  if (code !== undefined) history.replaceState(undefined, "", "/")
  return code
}

const code = takeCode()

export const App = () => {
  const [login, setLogin] = useState<LoginMessage | undefined>(Client.current())
  const [me, setMe] = useState<MeMessage>()
  const [problem, setProblem] = useState("")
  const [waiting, setWaiting] = useState(code !== undefined)
  const leave = () => {
    setLogin(undefined)
    setMe(undefined)
  }
  useEffect(() => {
    Client.whenLoggedOut(leave)
    if (code === undefined) return
    Client.login({ code })
      .then(setLogin, (error: unknown) => setProblem(explainLogin(error)))
      .finally(() => setWaiting(false))
  }, [])
  useEffect(() => {
    if (login !== undefined)
      Client.get<MeMessage>("/me").then(setMe, (error: unknown) => setProblem(Client.explain(error)))
  }, [login])
  if (waiting) return <p>Logging in…</p>
  if (login === undefined) return <LoginView key={problem} problem={problem} onLogin={setLogin} />
  if (me === undefined) return <p>{problem === "" ? "Loading…" : problem}</p>
  return <Page me={me} onLogout={() => void Client.logout().then(leave)} />
}
