/**
 * Requests to the server. The secret of the session is in `sessionStorage`, which belongs to this tab and to this origin, port
 * included. It is in no cookie: a browser sends the cookies of 127.0.0.1 to every port, also to a server that an agent started.
 */
import type { ErrorMessage, LoginMessage } from "./Messages.ts"

const storageKey = "effect-codex session"

let session: LoginMessage | undefined

const readStored = (): LoginMessage | undefined => {
  try {
    const stored: LoginMessage | null = JSON.parse(sessionStorage.getItem(storageKey) ?? "null")
    return stored === null || stored.expiresAt < Date.now() ? undefined : stored
  } catch {
    return undefined
  }
}

/** An answer of the server that is not a success. */
export class ServerError extends Error {
  readonly status: number
  readonly error: string
  constructor(status: number, body: Partial<ErrorMessage>) {
    super(body.message ?? `the server answered with the status ${status}`)
    this.status = status
    this.error = body.error ?? ""
  }
}

/** What the page says about a request that failed. */
export const explain = (error: unknown): string =>
  error instanceof ServerError ? error.message : "The server cannot be reached."

/** The login of this tab. */
export const current = (): LoginMessage | undefined => (session ??= readStored())

export const forget = (): void => {
  session = undefined
  sessionStorage.removeItem(storageKey)
}

/** Called when the server no longer knows the session. */
let onLoggedOut = (): void => {}
export const whenLoggedOut = (listener: () => void): void => {
  onLoggedOut = listener
}

const headersOf = (body: unknown, more: Readonly<Record<string, string>>): Record<string, string> => ({
  ...(current() === undefined ? {} : { authorization: `Bearer ${current()?.session}` }),
  ...(body === undefined ? {} : { "content-type": "application/json" }),
  ...more
})

export interface SendOptions {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Sends a request and fails with `ServerError` unless it succeeds. `path` is a path below `/api`, with encoded parts. */
export const send = async (method: string, path: string, options: SendOptions = {}): Promise<Response> => {
  const { body, headers = {}, signal } = options
  const response = await fetch(`/api${path}`, {
    method,
    headers: headersOf(body, headers),
    credentials: "omit",
    redirect: "error",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal })
  })
  if (response.ok) return response
  const text = await response.text()
  let found: Partial<ErrorMessage> = {}
  try {
    found = JSON.parse(text)
  } catch {
    // A proxy may answer with a page of its own.
  }
  if (response.status === 401 && path !== "/login") {
    forget()
    onLoggedOut()
  }
  throw new ServerError(response.status, found)
}

export const get = async <A>(path: string, signal?: AbortSignal): Promise<A> =>
  (await send("GET", path, signal === undefined ? {} : { signal })).json()

export const post = async (path: string, body?: unknown): Promise<void> => {
  await send("POST", path, { body })
}

/** Logs in with a token or with the code that the terminal shows. */
export const login = async (
  credential: { readonly token: string } | { readonly code: string }
): Promise<LoginMessage> => {
  const started: LoginMessage = await (await send("POST", "/login", { body: credential })).json()
  session = started
  sessionStorage.setItem(storageKey, JSON.stringify(started))
  return started
}

export const logout = async (): Promise<void> => {
  await post("/logout").catch(() => {})
  forget()
}

export const threadPath = (threadId: string): string => `/threads/${encodeURIComponent(threadId)}`
