import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import * as SqliteStore from "../../src/durable/store/SqliteStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { bundle } from "../support/bundle.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { lines } from "../support/durableWorkers.ts"
import * as Postgres from "../support/postgres.ts"

/** Starts a worker, and returns how to kill it with -9. */
const startWorker = Effect.fnUntraced(function* (
  [db, socket, calls]: readonly [db: string, socket: string, calls: string],
  env: Readonly<Record<string, string>> = {}
) {
  const program = bundle(new URL("./durable/worker.ts", import.meta.url))
  const child = spawn(process.execPath, [program, db, socket, calls], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      // So long a worker of PostgreSQL waits for a tool that another worker may still run.
      DRAIN_SECONDS: "3",
      ...env
    },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exited = once(child, "exit")
  const kill = Effect.promise(() => {
    child.kill("SIGKILL")
    return exited
  })
  yield* Effect.addFinalizer(() => kill)
  yield* Effect.promise(() => once(child.stdout, "data"))
  child.stdout.resume()
  const terminate = Effect.promise(async () => {
    child.kill("SIGTERM")
    await exited
    return child.exitCode
  })
  return { kill, terminate, exited: Effect.promise(() => exited) }
})

/** Waits until something is in the database, or in a file that changes with it. */
const until = <A>(query: Effect.Effect<A | undefined, unknown, Store>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const found = yield* Stream.merge(store.changes, Stream.tick("20 millis")).pipe(
      Stream.mapEffect(() => query),
      Stream.filter((found) => found !== undefined),
      Stream.runHead
    )
    return found
  })

interface End {
  readonly status: string | undefined
  readonly message: string | undefined
  readonly errorType: string | undefined
  readonly itemTypes: ReadonlyArray<string>
  readonly modelRequests: number
}

/** The database of the turns, for the workers and for the test. */
interface Database {
  readonly address: string
  readonly layer: Layer.Layer<Store, unknown>
}

/** The turns by their keys. The first worker is killed while all of them run. */
const play = Effect.fnUntraced(function* (open: (directory: string) => Effect.Effect<Database>) {
  const fs = yield* FileSystem.FileSystem
  const gate = yield* Deferred.make<void>()
  const drained = yield* Deferred.make<void>()
  const requests = new Map<string, number>()
  /** The outputs of tools that the model got. */
  const outputs: Array<string> = []
  const script: M.Script = (request) => {
    const key = /do (\w+)$/.exec(request.lastUserText)?.[1] ?? "none"
    const before = requests.get(key) ?? 0
    requests.set(key, before + 1)
    for (const { output } of request.toolOutputs) outputs.push(output)
    if (before > 0) return M.reply(M.text(`${key} is done`))
    switch (key) {
      case "drain":
        return M.reply(M.until(Deferred.await(drained)), M.text("drain is done"))
      case "start":
        return M.reply(M.text("start is done"))
      case "stream":
        return M.reply(M.text("one "), M.until(Deferred.await(gate)), M.text("stream is done"))
      case "command":
        return M.reply(M.shell("echo ran >> command-runs; while [ ! -e go ]; do sleep 0.05; done"))
      case "approval":
        return M.reply(M.shell("echo ran >> approval-runs", { escalate: "I need it" }))
      default:
        return M.reply(M.call(key, {}))
    }
  }
  const codex = yield* CodexSocket.make(script)
  const directory = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "durable-kill-" })
  const socket = `${codex.directory}/proxy.sock`
  const database = yield* open(directory)
  const calls = `${directory}/calls`
  const paths = [database.address, socket, calls] as const
  const keys = ["start", "stream", "command", "approval", "charge", "transfer", "put"]
  const {
    exitCode,
    found: ends,
    knownAtDeath,
    left
  } = yield* Effect.gen(function* () {
    const store = yield* Store
    const submit = (key: string) =>
      store.submit({
        key,
        threadId: key,
        threadOptions: { cwd: codex.workspace, sandbox: "workspace-write", approvalMode: "on-request" },
        input: `do ${key}`,
        options: {}
      })
    const unlucky = yield* startWorker(paths, { DIE_AT_START: "1" })
    yield* submit("start")
    yield* unlucky.exited
    const knownAtDeath = (yield* store.turn("start"))?.turnId
    const first = yield* startWorker(paths, { HANG: "1" })
    yield* Effect.forEach(keys.slice(1), submit)
    yield* until(
      Effect.gen(function* () {
        const waiting = yield* store.approvals.list({ pending: true })
        const started = lines(calls)
        const streams = (requests.get("stream") ?? 0) > 0
        const runs = yield* codex.exists("command-runs")
        return waiting.length === 2 && started.length === 2 && streams && runs ? true : undefined
      })
    )
    yield* first.kill
    // Nobody is there: the stream and the command end now, and the approvals are answered.
    yield* Deferred.succeed(gate, undefined)
    yield* fs.writeFileString(`${codex.workspace}/go`, "")
    for (const { id } of yield* store.approvals.list({ pending: true }))
      assert.strictEqual(yield* store.approvals.decide(id, { _tag: "Accept" }, "ada"), "accepted")
    const second = yield* startWorker(paths)
    yield* submit("drain")
    yield* until(Effect.sync(() => ((requests.get("drain") ?? 0) > 0 ? true : undefined)))
    const exitCode = yield* second.terminate
    const left = yield* store.outcome("drain")
    yield* Deferred.succeed(drained, undefined)
    yield* startWorker(paths)
    const found = new Map<string, End>()
    for (const key of [...keys, "drain"]) {
      yield* until(store.outcome(key))
      const outcome = yield* store.outcome(key)
      const events = yield* store.events.after(key, 0)
      found.set(key, {
        status: (yield* store.turn(key))?.status,
        message: outcome?._tag === "Completed" ? outcome.turn.message : undefined,
        errorType: outcome?._tag === "Failed" ? outcome.error.errorType : undefined,
        itemTypes: events.flatMap(({ event }) => (event.type === "item.completed" ? [event.item.type] : [])),
        modelRequests: requests.get(key) ?? 0
      })
    }
    return { found, knownAtDeath, exitCode, left }
  }).pipe(Effect.provide(database.layer))
  return {
    ends,
    knownAtDeath,
    exitCode,
    left,
    calls: lines(calls),
    outputs,
    commandRuns: lines(`${codex.workspace}/command-runs`),
    approvalRuns: lines(`${codex.workspace}/approval-runs`)
  }
})

const scenario = (open: (directory: string) => Effect.Effect<Database>) =>
  play(open).pipe(
    Effect.scoped,
    Effect.timeout("110 seconds"),
    Effect.provide([NodeServices.layer, Logger.layer([])])
  )

const onSqlite = (directory: string): Effect.Effect<Database> => {
  const path = `${directory}/turns.db`
  return Effect.succeed({
    address: path,
    layer: Store.layer.pipe(Layer.provide(SqliteStore.layerClient({ path })))
  })
}

const checkEnds = (open: (directory: string) => Effect.Effect<Database>) => {
  let result: Effect.Success<ReturnType<typeof scenario>>
  beforeAll(async () => {
    result = await Effect.runPromise(scenario(open))
  }, 120_000)
  const callsOf = (name: string) => result.calls.filter((line) => line.startsWith(`${name} `))

  it("between the request that starts a turn and its reply: the turn starts once", () => {
    assert.isNull(result.knownAtDeath)
    const end = result.ends.get("start")
    assert.strictEqual(end?.message, "start is done")
    assert.strictEqual(end?.modelRequests, 1)
  })

  it("F43 a worker that gets SIGTERM leaves its turn running, and the next one finishes it", () => {
    assert.strictEqual(result.exitCode, 130)
    assert.isUndefined(result.left)
    const end = result.ends.get("drain")
    assert.strictEqual(end?.message, "drain is done")
    assert.strictEqual(end?.modelRequests, 1)
  })

  it("while the model streams: the model gets no request twice, and the message is whole", () => {
    const end = result.ends.get("stream")
    assert.strictEqual(end?.message, "stream is done")
    // The first message had ended before the worker was killed.
    assert.deepStrictEqual(
      end?.itemTypes.filter((type) => type === "agent_message"),
      ["agent_message", "agent_message"]
    )
    assert.strictEqual(end?.modelRequests, 1)
  })

  it("while a command runs: the command runs once", () => {
    const end = result.ends.get("command")
    assert.strictEqual(end?.message, "command is done")
    assert.strictEqual(end?.modelRequests, 2)
    assert.deepStrictEqual(result.commandRuns, ["ran"])
    assert.isTrue(end?.itemTypes.includes("command_execution"))
  })

  it("F06 while an approval waits: another process answers, and the command runs once", () => {
    const end = result.ends.get("approval")
    assert.strictEqual(end?.message, "approval is done")
    assert.strictEqual(end?.modelRequests, 2)
    assert.deepStrictEqual(result.approvalRuns, ["ran"])
  })

  it("while a tool call waits: the tool runs once", () => {
    const end = result.ends.get("charge")
    assert.strictEqual(end?.message, "charge is done")
    assert.notInclude(result.outputs, "The call was interrupted.")
    assert.strictEqual(callsOf("charge").length, 1)
  })

  it("F08 while a once tool runs: it does not run again, and the outcome says so", () => {
    assert.strictEqual(result.ends.get("transfer")?.errorType, "ToolOutcomeUnknown")
    assert.strictEqual(callsOf("transfer").length, 1)
  })

  it("F07 while an idempotent tool runs: it runs again with the same key", () => {
    assert.strictEqual(result.ends.get("put")?.message, "put is done")
    const keys = callsOf("put").map((line) => line.split(" ")[1])
    assert.strictEqual(keys.length, 2)
    assert.strictEqual(new Set(keys).size, 1)
  })
}

describe("a worker that is killed with -9", () => checkEnds(onSqlite))

describe.skipIf(Postgres.skipped("a worker that is killed with -9"))(
  "a worker of a PostgreSQL database that is killed with -9",
  () => {
    const { emptyDatabase } = Postgres.forTests()
    checkEnds(() =>
      Effect.map(emptyDatabase, (url) => ({
        address: Redacted.value(url),
        layer: PostgresStore.layer({ url })
      }))
    )
  }
)
