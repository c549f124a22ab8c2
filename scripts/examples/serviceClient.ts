/**
 * Uses examples/service.ts as its clients would: two users, an approval, a client that disconnects in the middle of a turn, and
 * SIGTERM in the middle of another one.
 */
import { Effect, FileSystem, Schedule, Schema, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import type { Env } from "./Example.ts"
import { checker, isRunning, outputOf, processesWith } from "./observe.ts"

const { reply, shell, text } = ModelServer
const { check, until } = checker("service")

/** Commands that no other process of the machine runs. */
const disconnected = `sleep 61${process.pid}.5`
const terminated = `sleep 62${process.pid}.5`

/** What the model does depends on the input of the turn. */
export const script: ModelServer.Script = (request) => {
  if (request.lastUserText === "make")
    return request.toolOutputs.length === 0
      ? reply(shell("touch made", { escalate: "it is needed" }))
      : reply(text("Made it."))
  return reply(shell(request.lastUserText === "disconnect" ? disconnected : terminated))
}

const Started = Schema.Struct({ id: Schema.String })
const Approvals = Schema.Array(Schema.Struct({ id: Schema.String, hash: Schema.String, text: Schema.String }))

/** Sends a request of a user. */
const send = (
  base: string,
  token: string,
  method: string,
  path: string,
  body?: object,
  signal?: AbortSignal
) =>
  Effect.promise(() =>
    fetch(`${base}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal })
    })
  )

const json = <A>(schema: Schema.Codec<A, unknown>, response: Response) =>
  Effect.flatMap(
    Effect.promise((): Promise<unknown> => response.json()),
    Schema.decodeUnknownEffect(schema)
  )

/** Reads the events of a turn in the background. A request that is aborted ends them. */
const eventsOf = Effect.fnUntraced(function* (response: Response) {
  let text = ""
  let ended = false
  const body = response.body
  if (body === null) return yield* Effect.fail("service: no body")
  yield* Stream.fromReadableStream({ evaluate: () => body, onError: () => "aborted" }).pipe(
    Stream.decodeText(),
    Stream.runForEach((part) => Effect.sync(() => (text += part))),
    Effect.ignore,
    Effect.andThen(Effect.sync(() => (ended = true))),
    Effect.forkScoped
  )
  return { text: () => text, ended: () => ended }
})

/** Runs while the example runs. */
export const drive = Effect.fnUntraced(function* (handle: ChildProcessSpawner.ChildProcessHandle, env: Env) {
  const fs = yield* FileSystem.FileSystem
  const output = yield* outputOf(handle)
  const port = () => /http:\/\/127\.0\.0\.1:(\d+)/.exec(output())?.[1]
  yield* until(`it listens`, () => port() !== undefined)
  const base = `http://127.0.0.1:${port()}`
  const ada = (method: string, path: string, body?: object, signal?: AbortSignal) =>
    send(base, "a-secret", method, path, body, signal)

  yield* check("a wrong token is refused", (yield* send(base, "wrong", "GET", "/threads")).status === 401)
  const { id } = yield* json(Started, yield* ada("POST", "/threads", {}))
  for (const [method, path] of [
    ["GET", ""],
    ["POST", "/close"],
    ["POST", "/interrupt"],
    ["GET", "/approvals"]
  ] as const)
    yield* check(
      "another user finds nothing",
      (yield* send(base, "b-secret", method, `/threads/${id}${path}`)).status === 404
    )

  const made = yield* ada("POST", `/threads/${id}/turns`, { input: "make" })
  const [approval] = yield* json(Approvals, yield* ada("GET", `/threads/${id}/approvals?wait=60`))
  yield* check("the request is shown", approval?.text.includes("touch made") === true)
  const answer = { hash: approval?.hash, decision: "accept" }
  const answered = yield* ada("POST", `/threads/${id}/approvals/${approval?.id}`, answer)
  yield* check("the answer is taken", answered.status === 204)
  const events = yield* Effect.promise(() => made.text())
  yield* check("the turn completes", /"type":"turn\.completed".*"message":"Made it\."/.test(events))
  yield* check("the command ran", yield* fs.exists(`${env.root}/projects/ada/made`))

  const abort = new AbortController()
  const started = yield* ada("POST", `/threads/${id}/turns`, { input: "disconnect" }, abort.signal)
  yield* check(`the next turn starts, not ${started.status}`, started.status === 200)
  const disconnectedTurn = yield* eventsOf(started)
  yield* until("the command runs", () => isRunning(disconnected) || disconnectedTurn.ended())
  yield* check(`the turn goes on, and not ${disconnectedTurn.text()}`, !disconnectedTurn.ended())
  abort.abort()
  yield* until("a disconnect ends the command", () => processesWith(disconnected).length === 0)

  // The interrupted turn gives its place to the next one when it has ended.
  const last = yield* ada("POST", `/threads/${id}/turns`, { input: "terminate" }).pipe(
    Effect.repeat({
      until: ({ status }) => status !== 409,
      schedule: Schedule.spaced("20 millis"),
      times: 6000
    })
  )
  yield* until("the last command runs", () => isRunning(terminated))
  // Only the service: it ends Codex.
  process.kill(handle.pid, "SIGTERM")
  const lastEvents = yield* Effect.promise(() => last.text())
  yield* check("SIGTERM ends the turn", lastEvents.includes('"type":"turn.interrupted"'))
  yield* handle.exitCode
  yield* until(
    "nothing is left",
    () => processesWith(env.home).length === 0 && processesWith(terminated).length === 0
  )
  return output()
})
