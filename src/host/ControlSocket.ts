/** The control socket of a supervisor: one line of JSON as the request, one line as the reply. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { lstatSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import * as CodexError from "../domain/CodexError.ts"
import * as SafeDirectory from "../internal/SafeDirectory.ts"
import * as SafeFile from "../internal/SafeFile.ts"

export const ControlRequest = Schema.Struct({
  /** `handOver`: ends the supervisor and leaves Codex running, for the next supervisor. */
  method: Schema.Literals(["status", "drain", "stop", "handOver"]),
  /** The codex of the next generation, for `drain`. */
  codexPath: Schema.optionalKey(Schema.String),
  /** The generation to drain. If another one takes the new turns by now, nothing happens. */
  generation: Schema.optionalKey(Schema.Int)
})
export type ControlRequest = typeof ControlRequest.Type

const ControlReply = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("Done"), value: Schema.Unknown }),
  Schema.Struct({ _tag: Schema.tag("Failed"), error: CodexError.CodexError })
])
export type ControlReply = typeof ControlReply.Type

const name = "host.sock"
const maxLine = 1024 * 1024
/** How long the end waits until replies are written. */
const replyTimeout = "1 second"
const decodeRequest = Schema.decodeUnknownOption(Schema.fromJsonString(ControlRequest))
const encodeReply = Schema.encodeSync(Schema.fromJsonString(ControlReply))
const decodeReply = Schema.decodeUnknownOption(Schema.fromJsonString(ControlReply))

/** Calls `use` with the first line of a connection. */
const onLine = (socket: Socket, use: (line: string) => void): void => {
  let text = ""
  let isComplete = false
  socket.setEncoding("utf8")
  socket.on("data", (chunk: string) => {
    if (isComplete) return
    text += chunk
    const end = text.indexOf("\n")
    isComplete = end >= 0
    if (isComplete) use(text.slice(0, end))
    else if (text.length > maxLine) socket.destroy()
  })
}

/** Removes the socket, which a supervisor that is killed leaves behind. Throws errors of the system. */
export const remove = (directory: string): void => SafeFile.remove(join(directory, name))

/** The system refuses the socket. */
export class NotListening extends Data.TaggedError("NotListening")<{ readonly cause: unknown }> {
  override get message(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

/** Listens until the scope closes. Only one supervisor of a directory runs, so a socket that exists is a stale one. */
export const serve = (
  directory: string,
  handle: (request: ControlRequest) => Effect.Effect<ControlReply>
): Effect.Effect<void, NotListening, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = Effect.runForkWith(yield* Effect.context())
    const listening = Effect.acquireRelease(
      Effect.callback<Effect.Effect<void>, NotListening>((resume) => {
        const open = new Set<Socket>()
        const replies = new Set<Promise<void>>()
        const server = createServer((socket) => {
          open.add(socket)
          socket.on("error", () => {}).on("close", () => open.delete(socket))
          onLine(socket, (line) => {
            const request = Option.getOrUndefined(decodeRequest(line))
            // A request that this version does not know.
            if (request === undefined) return void socket.destroy()
            const written = new Promise<void>((resolve) => {
              socket.once("close", resolve)
              fork(
                Effect.map(
                  handle(request),
                  (reply) => void socket.end(`${encodeReply(reply)}\n`, () => resolve())
                )
              )
            })
            replies.add(written)
            void written.then(() => replies.delete(written))
          })
        })
        server.once("error", (cause) => resume(Effect.fail(new NotListening({ cause }))))
        const inside = SafeDirectory.open(directory)
        try {
          remove(directory)
        } catch (cause) {
          inside.close()
          return resume(Effect.fail(new NotListening({ cause })))
        }
        server.listen(inside.child(name), () =>
          resume(
            Effect.succeed(
              // The process ends after this, and with it replies that are not written.
              Effect.promise(() => Promise.all(replies)).pipe(
                Effect.timeoutOption(replyTimeout),
                Effect.andThen(
                  Effect.sync(() => {
                    server.close()
                    for (const socket of open) socket.unref()
                    remove(directory)
                    inside.close()
                  })
                )
              )
            )
          )
        )
      }),
      (close) => close
    )
    yield* Effect.asVoid(listening)
  })

/** Sends a request to the supervisor. Fails with a text if it does not answer. Interruption closes the connection. */
export const send = (directory: string, request: ControlRequest): Effect.Effect<ControlReply, string> =>
  Effect.callback<ControlReply, string>((resume) => {
    let inside: SafeDirectory.SafeDirectory | undefined
    try {
      inside = SafeDirectory.open(directory)
      // A link could lead to the socket of another program.
      const found = lstatSync(inside.child(name), { throwIfNoEntry: false })
      if (found?.isSocket() !== true)
        throw new Error(found === undefined ? "it has no socket" : `${name} is not a socket`)
    } catch (error) {
      inside?.close()
      return resume(Effect.fail(error instanceof Error ? error.message : String(error)))
    }
    const opened = inside
    const socket = connect(opened.child(name), () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on("error", (error) => resume(Effect.fail(error.message)))
    socket.on("close", () => {
      opened.close()
      resume(Effect.fail("it closed the connection"))
    })
    onLine(socket, (line) =>
      resume(
        Option.match(decodeReply(line), {
          onNone: () => Effect.fail("its reply is not known"),
          onSome: (reply) => Effect.succeed(reply)
        })
      )
    )
    return Effect.sync(() => socket.destroy())
  })
