/** One connection to a `codex app-server` that listens on a socket, from the handshake until it breaks. */
import * as NodeWS from "@effect/platform-node/NodeWS"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { lstatSync, readlinkSync, statSync, type Stats } from "node:fs"
import * as Nodepath from "node:path"
import * as CodexError from "../../domain/CodexError.ts"
import type * as TimeSlices from "../../internal/TimeSlices.ts"
import { version } from "../../internal/version.ts"
import * as CodexBinary from "./CodexBinary.ts"
import * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as Protocol from "./Protocol.ts"
import type * as Transport from "./Transport.ts"

/** Where Codex listens: `codex app-server --listen unix://PATH`, or `ws://HOST:PORT` with its token. */
export type SocketAddress =
  | { readonly path: string }
  | { readonly url: string; readonly token?: Redacted.Redacted | undefined }

export type SocketLinkOptions = SocketAddress & {
  /** The maximum time to connect, including the handshake; default 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** The maximum time of a single request; default 30 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /** How long to try to reconnect while threads are open; default 5 minutes. */
  readonly reconnectTimeout?: Duration.Input | undefined
  /** The client name that the handshake sends; default `effect-codex`. */
  readonly clientName?: string | undefined
}

/** Options with a way to find the socket anew for each connection, because another process may listen by then. */
export type LinkOptions = SocketLinkOptions & {
  readonly locate?: Effect.Effect<string, Transport.ConnectError> | undefined
}

const maxMessageBytes = 64 * 1024 * 1024
// The limit of `ws` is larger, and compression costs CPU time on a connection within one machine.
const constructor = Layer.succeed(Socket.WebSocketConstructor)((url, options) =>
  options === undefined || typeof options === "string" || Array.isArray(options)
    ? new NodeWS.WebSocket(url, options, { maxPayload: maxMessageBytes, perMessageDeflate: false })
    : new NodeWS.WebSocket(url, options.protocols, {
        ...(options.headers === undefined ? {} : { headers: { ...options.headers } }),
        maxPayload: maxMessageBytes,
        perMessageDeflate: false
      })
)

/** Returns the address without its token, for messages. */
export const endpointOf = (address: SocketAddress): string => ("path" in address ? address.path : address.url)

const decodeInitialized = Schema.decodeUnknownOption(Protocol.Initialized)

/** The message of `ws` if the server answers the handshake with a 4xx status. */
const isRefusal = /^Unexpected server response: 4\d\d$/

export interface SocketLink {
  readonly connection: JsonRpcConnection.Connection
  /** The home directory of Codex. */
  readonly home: string | undefined
  readonly codexVersion: string | undefined
  /** Completes when the connection has broken. */
  readonly broken: Deferred.Deferred<string>
  readonly scope: Scope.Closeable
}

const detailOf = ({ reason }: Socket.SocketError): string => {
  const cause = "cause" in reason ? reason.cause : undefined
  if (Predicate.hasProperty(cause, "error") && cause.error instanceof Error) return cause.error.message
  return cause instanceof Error ? cause.message : reason.message
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/** Whether an address is on this machine. */
export const isLocal = (address: SocketAddress): boolean =>
  "path" in address || loopback.test(URL.parse(address.url)?.hostname ?? "")

const isOwn = ({ uid }: Stats): boolean => {
  const own = process.geteuid?.()
  return own === undefined || uid === own || uid === 0
}

const foreign = { danger: "it belongs to another user" }

/**
 * Returns the URL of an address, or why it is not safe to connect to: another user may listen there, or the token could be
 * read on the way. Codex listens in a directory of its own, with a short path, and makes a link to the socket at the path
 * that it was given.
 */
const reach = (address: SocketAddress): { readonly url: string } | { readonly danger: string } => {
  if (!("path" in address))
    return address.token !== undefined && !isLocal(address) && !/^wss:/i.test(address.url)
      ? { danger: "a token goes to another machine only over wss://" }
      : { url: address.url }
  const file = lstatSync(address.path, { throwIfNoEntry: false })
  if (file !== undefined && !isOwn(file)) return foreign
  const path = file?.isSymbolicLink()
    ? Nodepath.resolve(Nodepath.dirname(address.path), readlinkSync(address.path))
    : address.path
  const socket = statSync(path, { throwIfNoEntry: false })
  if (socket !== undefined && !socket.isSocket()) return { danger: "it is not a socket" }
  return socket !== undefined && !isOwn(socket) ? foreign : { url: `ws+unix://${path}:/` }
}

/** The callbacks of a connection. `mask` masks secrets in what a server reports. */
export type LinkHost = Omit<JsonRpcConnection.Host, "onUnparsable" | "mask"> & {
  readonly mask: (text: string) => string
}

export const unreachable = (
  address: SocketAddress,
  reason: CodexError.EngineUnreachableReason,
  detail: string
): CodexError.EngineUnreachable =>
  new CodexError.EngineUnreachable({ reason, endpoint: endpointOf(address), detail })

/** Returns how to make a connection and perform the handshake. A connection closes with its own scope, a child of `scope`. */
export const make = Effect.fnUntraced(function* (
  options: LinkOptions,
  host: LinkHost,
  slices: TimeSlices.SharedSlices,
  scope: Scope.Scope
) {
  const token = "token" in options ? options.token : undefined
  const connectTimeout = Duration.fromInputUnsafe(options.connectTimeout ?? "10 seconds")
  const requestTimeout = Duration.fromInputUnsafe(options.requestTimeout ?? "30 seconds")
  const makeSocket = (url: string) =>
    Socket.makeWebSocket(url, {
      openTimeout: connectTimeout,
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${Redacted.value(token)}` } })
    }).pipe(Effect.provide(constructor))
  const failed = (reason: CodexError.EngineUnreachableReason, detail: string) =>
    unreachable(options, reason, host.mask(detail))

  const begin = Effect.fnUntraced(function* (linkScope: Scope.Closeable) {
    const address = options.locate === undefined ? options : { path: yield* options.locate }
    const reached = yield* Effect.try({
      try: () => reach(address),
      catch: (error) => failed("NotConnected", String(error))
    })
    if ("danger" in reached) return yield* failed("Refused", reached.danger)
    const socket = yield* makeSocket(reached.url)
    const broken = Deferred.makeUnsafe<string>()
    const breaks = (detail: string) => Effect.sync(() => Deferred.doneUnsafe(broken, Exit.succeed(detail)))
    const reader = yield* Effect.mapError(socket.reader, (error) => {
      const detail = detailOf(error)
      return failed(isRefusal.test(detail) ? "Refused" : "NotConnected", detail)
    })
    const { write } = yield* socket.writer
    const outgoing = yield* Queue.unbounded<string>()
    const connection = JsonRpcConnection.make(
      (message) => Queue.offerUnsafe(outgoing, message),
      {
        ...host,
        onUnparsable: () => Deferred.doneUnsafe(broken, Exit.succeed("it sends no JSON-RPC messages"))
      },
      requestTimeout
    )
    const receive = function* (frames: Iterable<string | Uint8Array>) {
      for (const frame of frames) {
        connection.receiveMessage(typeof frame === "string" ? frame : new TextDecoder().decode(frame))
        yield
      }
    }
    yield* Effect.forever(Effect.flatMap(reader.pull, (frames) => slices.run(receive(frames)))).pipe(
      Effect.catch((error) => breaks(detailOf(error))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Stream.fromQueue(outgoing).pipe(
      Stream.runForEach(write),
      Effect.catch((error) => breaks(detailOf(error))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Deferred.await(broken).pipe(
      Effect.tap(() => Effect.sync(() => connection.close())),
      Effect.forkScoped({ startImmediately: true })
    )
    const initialized = yield* Effect.mapError(
      connection.request(
        "initialize",
        {
          clientInfo: { name: options.clientName ?? "effect-codex", title: "effect-codex", version },
          capabilities: { experimentalApi: true, requestAttestation: false }
        },
        { timeout: connectTimeout }
      ),
      (error) =>
        error._tag === "RpcError"
          ? failed("Refused", error.text)
          : failed("NotConnected", "it does not answer the handshake")
    )
    connection.notify("initialized")
    const server = Option.getOrUndefined(decodeInitialized(initialized))
    const codexVersion = server === undefined ? undefined : CodexBinary.version(server.userAgent)
    if (codexVersion !== undefined && CodexBinary.isTooOld(codexVersion))
      return yield* new CodexError.CodexVersionUnsupported({
        version: codexVersion,
        minimum: CodexBinary.oldest,
        path: endpointOf(options)
      })
    const link: SocketLink = { connection, codexVersion, home: server?.codexHome, broken, scope: linkScope }
    return link
  })

  return Effect.gen(function* () {
    const linkScope = yield* Scope.fork(scope)
    return yield* Scope.provide(begin(linkScope), linkScope).pipe(
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(linkScope, exit) : Effect.void))
    )
  })
})
