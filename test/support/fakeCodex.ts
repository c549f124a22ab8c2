/** Runs `fakeAppServer.ts` as an engine: builds scenarios, starts the fake and reads the messages that it received. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Schedule from "effect/Schedule"
import { fileURLToPath } from "node:url"
import * as AppServer from "../../src/engine/AppServer.ts"
import { Codex } from "../../src/Codex.ts"
import type { Message, Recorded, Scenario, Step } from "./fakeAppServer.ts"

export type { Message, Recorded, Scenario, Step }

const realClock = Context.get(Context.empty(), Clock.Clock)
const script = fileURLToPath(new URL("./fakeAppServer.ts", import.meta.url))

export const notify = (method: string, params: object, more: object = {}): Step => ({
  send: { method, params, ...more }
})
/** Opens a thread on the engine that the test provides. */
export const startThread = Effect.flatMap(Codex, (codex) => codex.startThread())

/** Sends a request of the server. */
export const ask = (id: string | number, method: string, params: object): Step => ({
  send: { id, method, params }
})
/** Writes a line of raw text. */
export const line = (text: string): Step => ({ bytes: Buffer.from(`${text}\n`).toString("base64") })
export const raw = (bytes: string | Uint8Array): Step => ({ bytes: Buffer.from(bytes).toString("base64") })

const of = { threadId: "$thread", turnId: "$turn" }
export const ofTurn = (method: string, params: object = {}): Step => notify(method, { ...of, ...params })

export const accepted: Step = { reply: { turn: { id: "$turn", status: "inProgress" } } }
export const started: Step = notify("turn/started", { threadId: "$thread", turn: { id: "$turn" } })
export const begin: ReadonlyArray<Step> = [accepted, started]
export const said = (text: string, id = "m1"): Step =>
  ofTurn("item/completed", { item: { type: "agentMessage", id, text } })
export const delta = (text: string, id = "m1"): Step =>
  ofTurn("item/agentMessage/delta", { itemId: id, delta: text })
export const ended = (status = "completed", error: object | null = null): Step =>
  notify("turn/completed", { threadId: "$thread", turn: { id: "$turn", status, error } })
export const status = (type: string): Step =>
  notify("thread/status/changed", { threadId: "$thread", status: { type, activeFlags: [] } })
/** The steps of a complete turn with one message. */
export const turn = (text: string, ...middle: ReadonlyArray<Step>): ReadonlyArray<Step> => [
  ...begin,
  ...middle,
  said(text),
  ended()
]

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Makes a fake for one test. */
export const make = Effect.fnUntraced(function* (scenario: Scenario) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-fake-" })
  const codexPath = path.join(folder, "codex")
  const record = path.join(folder, "record.jsonl")
  yield* fs.writeFileString(path.join(folder, "scenario.json"), JSON.stringify(scenario))
  yield* fs.writeFileString(record, "")
  yield* fs.writeFileString(
    codexPath,
    `#!/bin/sh\nNODE_COMPILE_CACHE="${process.env["NODE_COMPILE_CACHE"] ?? ""}" exec "${process.execPath}" --no-warnings "${script}" "${folder}/scenario.json" "${record}" "$@"\n`,
    { mode: 0o755 }
  )

  const recorded: Effect.Effect<ReadonlyArray<Recorded>> = Effect.map(
    Effect.orDie(fs.readFileString(record)),
    // The last line may be incomplete.
    (text) =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line): Recorded => JSON.parse(line))
  )
  const received = Effect.map(recorded, (entries) =>
    entries.flatMap((entry) => (entry._tag === "Received" ? [entry.message] : []))
  )
  const processes = Effect.map(recorded, (entries) =>
    entries.flatMap((entry) => (entry._tag === "Started" ? [entry] : []))
  )

  /** Waits until `look` returns a value for the received messages. */
  const until = <A>(look: (messages: ReadonlyArray<Message>) => A | undefined | false): Effect.Effect<A> =>
    Effect.suspend(() =>
      Effect.flatMap(received, (messages) => {
        const found = look(messages)
        return found === undefined || found === false
          ? Effect.fail("not yet" as const)
          : Effect.succeed(found)
      })
    ).pipe(
      Effect.retry({ schedule: Schedule.spaced("5 millis") }),
      Effect.timeoutOrElse({
        duration: "1 minute",
        orElse: () => Effect.die(new Error("the fake did not receive the expected messages"))
      }),
      Effect.catch(() => Effect.never),
      Effect.provideService(Clock.Clock, realClock)
    )

  return {
    codexPath,
    folder,
    recorded,
    received,
    processes,
    until,
    waitFor: (method: string, times = 1) =>
      until((messages) => messages.filter((message) => message.method === method).length >= times),
    /** Returns the replies to the requests with that id. */
    answers: (id: string | number) =>
      Effect.map(received, (messages) =>
        messages.filter((message) => message.method === undefined && message.id === id)
      ),
    of: (method: string) =>
      Effect.map(received, (messages) => messages.filter((message) => message.method === method)),
    pids: Effect.map(processes, (entries) => entries.map(({ pid }) => pid)),
    layer: (options: AppServer.AppServerOptions = {}) =>
      // A constant layer is memoised and would reuse the engine of an outer `provide`, so make it fresh.
      Layer.fresh(Codex.layer).pipe(Layer.provideMerge(AppServer.layerOptions({ codexPath, ...options })))
  }
})
