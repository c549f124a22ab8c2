/** A collector that is missing or never answers does not change what the command line does. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createServer, connect, type Server, type Socket } from "node:net"
import { ModelServer } from "effect-codex/testing"
import * as CodexHome from "../support/codexHome.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Live from "../support/live.ts"

/** Longer than the test. */
const never = "600000"

/**
 * An export may take longer than the test: an exit that waited for one would time out. All exports start at the exit: an
 * earlier export, which starts on a slow machine, would log its own loss.
 */
const slowExports = {
  OTEL_BSP_SCHEDULE_DELAY: never,
  OTEL_BLRP_SCHEDULE_DELAY: never,
  OTEL_EXPORTER_OTLP_TIMEOUT: never,
  OTEL_BSP_EXPORT_TIMEOUT: never,
  OTEL_BLRP_EXPORT_TIMEOUT: never,
  OTEL_METRIC_EXPORT_TIMEOUT: never
}

const { reply, shell, text, usage } = ModelServer
const completes = [
  reply(text("Looking."), shell("echo seen; exit 3")),
  reply(text("Hello from the model", { deltas: true }), usage({ input: 12, output: 4 }))
]
const fails = [ModelServer.httpError(429, { code: "insufficient_quota" })]
const hangs = [reply(text("Half", { deltas: true }), ModelServer.never)]

interface Case {
  readonly script: ModelServer.Script
  readonly args?: ReadonlyArray<string>
  /** Sends SIGINT once stdout or stderr contains this text. */
  readonly interruptAt?: string
}

/** Runs the command line in a home and a directory of its own. */
const run = Effect.fnUntraced(function* (
  { args = ["go"], interruptAt, script }: Case,
  env: Readonly<Record<string, string>>
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  const home = yield* CodexHome.make(server)
  const cwd = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-unreachable-" })
  return yield* CommandLine.run({
    args: ["run", "--cd", cwd, ...args],
    env: { ...home, ...env },
    ...(interruptAt === undefined ? {} : { interruptAt })
  })
}, Effect.scoped)

/** Removes what differs between runs: ids, times, the boundaries of deltas, and events around an interruption. */
const comparable = (stdout: string, { interruptAt }: Case) =>
  (interruptAt === undefined ? stdout : (stdout.trimEnd().split("\n").at(-1) ?? ""))
    .replaceAll(/"(?:at|duration|total|thinking|tools|approval|overhead)":[\d.]+/g, '"time"')
    .replaceAll(/"(?:\w*[iI]d|cwd|processId)":"[^"]*"/g, '"id"')
    .split("\n")
    .filter((line) => !line.includes('.delta"'))

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

/** Accepts every connection, reads everything, and never answers. */
const silent = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {}).resume()
  })
  const port = yield* listening(server)
  yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
  return port
})

/** A port without a listener: every connection is refused. */
const refusing = Effect.scoped(listening(createServer()))

/** Listens and then blocks, so that the kernel queues connections that are never accepted. */
const standstill = `
  const server = require("node:net").createServer()
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, server.address().port + "\\n")
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
`

const connected = (port: number) =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => connect(port, "127.0.0.1").on("error", () => {})),
      (socket) => Effect.sync(() => socket.destroy())
    ),
    (socket) => Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
  )

/** A port whose connection queue is full: the next connection is neither accepted nor refused. */
const full = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(process.execPath, ["-e", standstill], { stdin: "ignore", killSignal: "SIGKILL" })
  )
  const port = Number(yield* child.stdout.pipe(Stream.decodeText(), Stream.take(1), Stream.mkString))
  for (let taken = 0; taken < 64; taken++) {
    const again = yield* Effect.timeoutOption(connected(port), "500 millis")
    if (again._tag === "None") return port
  }
  return yield* Effect.die("the connection queue never filled up")
})

const lost = (stderr: string) => /Telemetry was lost: (.*)/.exec(stderr)?.[1] ?? ""

/** Counts the lost items of a kind, for all reasons. */
const count = (stderr: string, noun: string) =>
  [...lost(stderr).matchAll(new RegExp(`(\\d+) ${noun} `, "g"))].reduce((sum, [, n]) => sum + Number(n), 0)

/** Runs the same turn without telemetry and with it, and compares the exit codes and outputs. Returns the stderr. */
const compare = Effect.fnUntraced(function* (turn: Case, code: number, port: number) {
  const [without, within] = yield* Effect.all(
    [
      run(turn, {}),
      run(turn, {
        CODEX_OTLP_ENABLE: "1",
        CODEX_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        ...slowExports
      })
    ],
    { concurrency: 2 }
  )
  assert.strictEqual(without.code, code, without.stderr)
  assert.notInclude(without.stderr, "Telemetry")
  assert.strictEqual(within.code, code, within.stderr)
  assert.deepStrictEqual(comparable(within.stdout, turn), comparable(without.stdout, turn))
  assert.strictEqual(within.stderr.match(/Telemetry was lost/g)?.length, 1, within.stderr)
  return within.stderr
})

const completing: Case = { script: completes }

describe("effect-codex run", () => {
  for (const [hole, open] of [
    ["a collector that accepts connections and never answers", silent],
    ["a collector that does not accept connections", full],
    ["a port without a listener", refusing]
  ] as const) {
    Live.test(
      `does the same with ${hole}, does not wait for it, and reports what was lost`,
      () =>
        Effect.gen(function* () {
          const port = yield* open
          const stderr = yield* compare(completing, 0, port)
          const shown = Number(/^(\d+) spans/m.exec(stderr)?.[1])
          assert.isAbove(shown, 5)
          assert.strictEqual(count(stderr, "spans"), shown, stderr)
          assert.isAbove(count(stderr, "log records"), 0, stderr)
          assert.isAbove(count(stderr, "data points"), 0, stderr)
        }),
      300_000
    )
  }

  for (const [what, turn, code] of [
    ["prints JSON", { script: completes, args: ["--json", "go"] }, 0],
    ["fails", { script: fails }, 1],
    ["is interrupted", { script: hangs, args: ["--json", "go"], interruptAt: '"message.delta"' }, 130]
  ] as const) {
    Live.test(
      `that ${what} does the same with a collector that never answers`,
      () => Effect.flatMap(silent, (port) => compare(turn, code, port)),
      300_000
    )
  }
})
