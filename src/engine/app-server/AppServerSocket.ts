/**
 * A `codex app-server` that runs in a process of its own and listens on a socket. Its turns outlive this process. A
 * connection that breaks is made again; meanwhile turns go on, and what happened is restored from the history.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as CodexError from "../../domain/CodexError.ts"
import * as EmitSignal from "../../instrumentation/EmitSignal.ts"
import * as SignalEnd from "../../instrumentation/SignalEnd.ts"
import * as HostDirectories from "../../internal/HostDirectories.ts"
import * as TimeSlices from "../../internal/TimeSlices.ts"
import * as Redaction from "../../redaction/Redaction.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as MissedNotifications from "./MissedNotifications.ts"
import * as ResentRequests from "./ResentRequests.ts"
import * as SocketLink from "./SocketLink.ts"
import type * as Transport from "./Transport.ts"
import * as UnopenedThreads from "./UnopenedThreads.ts"

/** How long Codex may take to process what a broken connection delivered last. */
const deliveryGrace = Duration.millis(250)

const decodeOpened = Schema.decodeUnknownOption(
  Schema.Struct({ thread: Schema.Struct({ id: Schema.String }) })
)
const decodeLoaded = Schema.decodeUnknownOption(Schema.Struct({ data: Schema.Array(Schema.String) }))

/** Requests that may be sent again if it is not known whether Codex received them: they change nothing, or nothing more. */
const isRepeatable = (method: string): boolean =>
  /\/(?:list|read|search|start|resume|unsubscribe|interrupt|clean)$/.test(method)

/** Whether the Codex of a broken connection has ended: another one listens, or its host does not start one. */
const isGone = ({ _tag }: { readonly _tag: string }): boolean =>
  _tag === "OtherProcess" || _tag === "EngineStartFailed"

/** A `turn/start` without a reply. */
interface PendingStart {
  readonly clientId: string
  readonly onResult: ((result: unknown) => void) | undefined
  /** The reply, once the history shows that Codex received the request. */
  found: unknown
}

/** Connects to Codex and performs the handshake. The connection closes with the scope; the process goes on. */
const connect = Effect.fnUntraced(function* (
  options: SocketLink.LinkOptions,
  listener: AppServerProcess.ProcessListener
): Effect.fn.Return<AppServerProcess.Process, Transport.ConnectError, Scope.Scope> {
  const scope = yield* Effect.scope
  const redaction = yield* Redaction.Current
  const mask = (text: string): string => redaction.text(text)
  const requests = ResentRequests.make()
  const notifications = MissedNotifications.make()
  const unopened = UnopenedThreads.make(notifications.isOpen)
  const pendingStarts = new Map<string, PendingStart>()
  let ended: AppServerProcess.ProcessEnd | undefined
  let link: SocketLink.SocketLink
  /** Completes when a broken connection works again or is given up. */
  let relinked: Deferred.Deferred<void> | undefined

  const unreachable = (reason: CodexError.EngineUnreachableReason, detail: string) =>
    SocketLink.unreachable(options, reason, mask(detail))

  const finish = (error: AppServerProcess.ProcessEnd) => {
    if (ended !== undefined) return
    ended = error
    listener.onExit(error)
    link.connection.close()
    if (relinked !== undefined) Deferred.doneUnsafe(relinked, Exit.void)
  }

  const host: SocketLink.LinkHost = {
    mask,
    onNotification: (method, params, emittedAtMs) => {
      notifications.observe(method, params)
      if (method === "serverRequest/resolved" && Predicate.isObject(params)) {
        const id = params["requestId"]
        if (typeof id === "string" || typeof id === "number") requests.resolve(id)
      }
      if (method === "turn/completed" && Predicate.isObject(params))
        requests.endTurn(String(params["threadId"]))
      listener.onNotification(method, params, emittedAtMs)
    },
    onRequest: (request, method, params) => {
      const threadId = Predicate.isObject(params) ? String(params["threadId"]) : ""
      // A refusal would decide for the client that opens the thread next, to which Codex sends the request again.
      if (unopened.has(threadId) && listener.hasTurn?.(threadId) !== true) return
      const first = requests.receive(request, method, params)
      if (first !== undefined) listener.onRequest(first, method, params)
    }
  }
  const open = yield* SocketLink.make(options, host, TimeSlices.make(), scope)

  /** Restores what happened on a thread while no connection worked, in the order in which it happened. */
  const restore = (threadId: string, resumed: unknown, lostAtMs: number) =>
    Option.match(MissedNotifications.historyOf(resumed), {
      onNone: () => {},
      onSome: (history) => {
        const start = pendingStarts.get(threadId)
        const turnId = start === undefined ? undefined : MissedNotifications.turnOf(history, start.clientId)
        if (start !== undefined && turnId !== undefined) {
          start.found = { turn: { id: turnId } }
          start.onResult?.(start.found)
          notifications.expect(threadId, turnId)
        }
        listener.onReconnected?.(threadId, lostAtMs)
        for (const { emittedAtMs, method, params } of notifications.missed(threadId, history))
          listener.onNotification(method, params, emittedAtMs)
        if (history.asks) return
        // Another client has answered them.
        for (const requestId of requests.questions(threadId)) {
          requests.resolve(requestId)
          listener.onNotification("serverRequest/resolved", { threadId, requestId }, undefined)
        }
      }
    })

  /** Opens the threads on a new connection. Fails if they are not there: then the process is another one. */
  const resumeThreads = Effect.fnUntraced(function* (
    { connection }: SocketLink.SocketLink,
    lostAtMs: number
  ) {
    const open = notifications.threads()
    if (open.length === 0) return
    const loaded = decodeLoaded(yield* connection.request("thread/loaded/list", {}))
    const isLoaded = new Set(Option.match(loaded, { onNone: () => [], onSome: ({ data }) => data }))
    if (!open.every((threadId) => isLoaded.has(threadId)))
      return yield* Effect.fail({ _tag: "OtherProcess" as const })
    // Codex may still read what the broken connection delivered last, for example a `turn/start`.
    if (pendingStarts.size > 0) yield* Effect.sleep(deliveryGrace)
    yield* Effect.forEach(
      open,
      (threadId) =>
        connection.request("thread/resume", MissedNotifications.resumeParams(threadId), {
          onResult: (resumed) => restore(threadId, resumed, lostAtMs)
        }),
      { concurrency: 16, discard: true }
    )
  })

  const backOff = Schedule.jittered(
    Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")])
  )

  /** Makes the connection again each time it breaks, until no thread is open or the time is up. */
  const isOpen = () => ended === undefined
  const supervise = Effect.gen(function* () {
    while (isOpen()) {
      const detail = yield* Deferred.await(link.broken)
      const lostAtMs = Date.now()
      yield* Scope.close(link.scope, Exit.void)
      if (ended !== undefined) return
      if (notifications.threads().length === 0) return finish(unreachable("Lost", detail))
      const waiting = Deferred.makeUnsafe<void>()
      relinked = waiting
      const reconnect = Effect.gen(function* () {
        const next = yield* open
        yield* resumeThreads(next, lostAtMs).pipe(Effect.tapError(() => Scope.close(next.scope, Exit.void)))
        return next
      }).pipe(
        Effect.retry({
          schedule: backOff,
          while: (error) => !isGone(error) && error._tag !== "CodexVersionUnsupported"
        }),
        Effect.timeoutOption(options.reconnectTimeout ?? "5 minutes"),
        Effect.exit
      )
      const exit = yield* reconnect
      const isConnected = Exit.isSuccess(exit) && Option.isSome(exit.value)
      const at = yield* EmitSignal.now
      yield* EmitSignal.emit({
        _tag: "Reconnect",
        at,
        durationMillis: Date.now() - lostAtMs,
        end: isConnected ? SignalEnd.ok : { _tag: "Error", errorType: unreachable("Lost", detail).errorType }
      })
      if (Exit.isSuccess(exit) && Option.isSome(exit.value)) {
        link = exit.value.value
        relinked = undefined
        Deferred.doneUnsafe(waiting, Exit.void)
        yield* Effect.logInfo(`codex app-server: connected again after ${Date.now() - lostAtMs} ms`)
        continue
      }
      const gone = Option.exists(Exit.findErrorOption(exit), isGone)
      finish(gone ? new CodexError.EngineExited({ stderr: "" }) : unreachable("Lost", detail))
    }
  })

  link = yield* open
  const hostDirectories = yield* HostDirectories.Current
  // Codex runs without a request what the rules in its home directory allow. Another machine has other directories.
  if (SocketLink.isLocal(options) && link.home !== undefined)
    yield* hostDirectories.add({
      path: link.home,
      content: "the home directory of Codex",
      setting: "CODEX_HOME",
      isTree: true,
      allowsTurns: true
    })
  yield* Effect.forkScoped(supervise, { startImmediately: true })
  yield* Effect.addFinalizer(() => Effect.sync(() => finish(unreachable("Lost", "this process closed it"))))

  /** Sends a request on the connection that works, and sends it again if that breaks and the request allows it. */
  const request = (
    method: string,
    params: unknown,
    sendOptions?: JsonRpcConnection.RequestOptions
  ): Effect.Effect<unknown, JsonRpcConnection.RpcRequestError> =>
    Effect.suspend(() => {
      const current = link
      const sent =
        relinked === undefined ? current.connection.request(method, params, sendOptions) : undefined
      const closed = new JsonRpcConnection.ConnectionClosed()
      const again: Effect.Effect<unknown, JsonRpcConnection.RpcRequestError> = Effect.suspend(() =>
        ended === undefined ? request(method, params, sendOptions) : Effect.fail(closed)
      )
      // The supervisor may not have noticed the break yet.
      const afterwards = Effect.suspend(() =>
        relinked === undefined
          ? Effect.andThen(Effect.yieldNow, again)
          : Effect.andThen(Deferred.await(relinked), again)
      )
      if (sent === undefined) return afterwards
      return Effect.catch(sent, (error) =>
        error._tag === "ConnectionClosed" && ended === undefined && isRepeatable(method)
          ? afterwards
          : Effect.fail(error)
      )
    })

  const followed = (method: string, params: unknown, result: unknown): void => {
    if (method === "thread/unsubscribe" && Predicate.isObject(params)) {
      // Codex sends the requests that wait again when this client opens the thread again.
      requests.endTurn(String(params["threadId"]))
      return notifications.close(String(params["threadId"]))
    }
    if (method !== "thread/start" && method !== "thread/resume" && method !== "thread/fork") return
    const opened = Option.getOrUndefined(decodeOpened(result))
    if (opened !== undefined) notifications.open(opened.thread.id)
  }

  /** Reports what the running turn of a thread has done before this client opened the thread. */
  const reportRunning = (result: unknown): void => {
    const opened = Option.getOrUndefined(decodeOpened(result))
    if (opened === undefined) return
    const history = MissedNotifications.historyOf(result)
    for (const { emittedAtMs, method, params } of Option.match(history, {
      onNone: () => [],
      onSome: (history) => notifications.missed(opened.thread.id, history)
    }))
      listener.onNotification(method, params, emittedAtMs)
  }

  /** Starts a turn once, even if the connection breaks before the reply: the history has the id of the message. */
  const startTurn = (
    params: Readonly<Record<string, unknown>>,
    sendOptions?: JsonRpcConnection.RequestOptions
  ) =>
    Effect.suspend(() => {
      const threadId = String(params["threadId"])
      const named = params["clientUserMessageId"]
      const clientId = Predicate.isString(named) ? named : randomUUID()
      const pending: PendingStart = { clientId, onResult: sendOptions?.onResult, found: undefined }
      const attempt: Effect.Effect<unknown, JsonRpcConnection.RpcRequestError> = Effect.suspend(() => {
        if (pending.found !== undefined) return Effect.succeed(pending.found)
        if (ended !== undefined) return Effect.fail(new JsonRpcConnection.ConnectionClosed())
        if (relinked !== undefined) return Effect.andThen(Deferred.await(relinked), attempt)
        return Effect.catch(
          link.connection.request("turn/start", { ...params, clientUserMessageId: clientId }, sendOptions),
          (error) =>
            error._tag === "ConnectionClosed" && ended === undefined
              ? Effect.andThen(Effect.yieldNow, attempt)
              : Effect.fail(error)
        )
      })
      pendingStarts.set(threadId, pending)
      return Effect.ensuring(
        attempt,
        Effect.sync(() => {
          if (pendingStarts.get(threadId) === pending) pendingStarts.delete(threadId)
        })
      )
    })

  const connection: JsonRpcConnection.Connection = {
    request: (method, params, sendOptions) => {
      if (method === "turn/start" && Predicate.isObject(params)) return startTurn(params, sendOptions)
      const resumes = method === "thread/resume" && Predicate.isObject(params)
      return Effect.suspend(() => {
        const onReply = unopened.follow(method, params)
        return request(method, resumes ? { ...params, ...MissedNotifications.newestTurn } : params, {
          ...sendOptions,
          onResult: (result) => {
            onReply()
            followed(method, params, result)
            sendOptions?.onResult?.(result)
            if (resumes) reportRunning(result)
          }
        })
      })
    },
    notify: (method) => link.connection.notify(method),
    receive: (chunk) => link.connection.receive(chunk),
    receiveLines: (chunk) => link.connection.receiveLines(chunk),
    receiveMessage: (message) => link.connection.receiveMessage(message),
    close: () => link.connection.close(),
    counters: () => link.connection.counters()
  }

  return {
    connection,
    version: link.codexVersion,
    home: link.home,
    isUsable: () => ended === undefined,
    mask,
    end: () => ended ?? unreachable("Lost", "it broke before the reply"),
    // The process belongs to others too, so it goes on without this client.
    kill: Effect.sync(() =>
      finish(unreachable("Lost", "codex does not answer; effect-codex closed the connection"))
    )
  }
})

/** Reaches a process that another program started. */
export const transport = (options: SocketLink.LinkOptions): Transport.Transport => ({
  connect: (listener) => connect(options, listener),
  home: undefined,
  env: undefined,
  temporaryDirectory: process.env["TMPDIR"],
  turnsOutlive: true,
  requestTimeout: Duration.fromInputUnsafe(options.requestTimeout ?? "30 seconds")
})
