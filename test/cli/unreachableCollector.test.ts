/** A collector that is not there, or is and never answers: the command line does what it does without one. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createServer, connect, type Server, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { ModelServer } from "effect-codex/testing"
import * as Live from "../support/live.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** How much later than without telemetry the command line may exit, in milliseconds. */
const promised = 2500

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
  /** Sends SIGINT when stdout or stderr says so. */
  readonly interruptAt?: string
}

/** One run of the command line in a home and a folder of its own. */
const run = Effect.fnUntraced(function* (
  { args = ["go"], interruptAt, script }: Case,
  env: Readonly<Record<string, string>>
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  const home = yield* ModelServer.home(server)
  const cwd = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-blackhole-" })
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const [took, ran] = yield* Live.timed(
    Effect.gen(function* () {
      const handle = yield* spawner.spawn(
        ChildProcess.make(process.execPath, [main, "run", "--cd", cwd, ...args], {
          env: { PATH: process.env["PATH"], ...home, ...env },
          extendEnv: false,
          stdin: "ignore"
        })
      )
      let seen = ""
      let sent = false
      const collect = (stream: typeof handle.stdout) =>
        stream.pipe(
          Stream.decodeText(),
          Stream.tap((text) =>
            Effect.sync(() => {
              seen += text
              if (interruptAt === undefined || sent || !seen.includes(interruptAt)) return
              sent = true
              process.kill(handle.pid, "SIGINT")
            })
          ),
          Stream.mkString
        )
      const [stdout, stderr] = yield* Effect.all([collect(handle.stdout), collect(handle.stderr)], {
        concurrency: "unbounded"
      })
      return { code: yield* handle.exitCode, stdout, stderr }
    })
  )
  return { ...ran, took }
}, Effect.scoped)

/** Without what stands in no two runs: ids, times, how the text was cut into pieces, what an interrupt was in time for. */
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

/** Takes every connection, reads what comes, and never says a word. */
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

/** Nobody listens there: every connection is refused. */
const refusing = Effect.scoped(listening(createServer()))

/** Listens and then stands still, so that nobody accepts what the kernel queues for it. */
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

/** A port whose queue of connections is full: the next one is neither taken nor refused. */
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
  return yield* Effect.die("the queue of connections never was full")
})

const lost = (stderr: string) => /Telemetry was lost: (.*)/.exec(stderr)?.[1] ?? ""

/** How many of something were lost, for whatever reasons. */
const count = (stderr: string, noun: string) =>
  [...lost(stderr).matchAll(new RegExp(`(\\d+) ${noun} `, "g"))].reduce((sum, [, n]) => sum + Number(n), 0)

/** The same run without telemetry and with it, and what must be the same; `later` is the best of three. */
const compare = Effect.fnUntraced(function* (turn: Case, code: number, port: number) {
  const env = { CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  let later = Infinity
  let stderr = ""
  // A machine that stands still for a moment holds up one run, telemetry would hold up all.
  for (let attempt = 0; attempt < 3 && later > promised; attempt++) {
    const without = yield* run(turn, {})
    const within = yield* run(turn, env)
    assert.strictEqual(without.code, code, without.stderr)
    assert.notInclude(without.stderr, "Telemetry")
    assert.strictEqual(within.code, code, within.stderr)
    assert.deepStrictEqual(comparable(within.stdout, turn), comparable(without.stdout, turn))
    assert.strictEqual(within.stderr.match(/Telemetry was lost/g)?.length, 1, within.stderr)
    later = Math.min(later, within.took - without.took)
    stderr = within.stderr
  }
  assert.isAtMost(later, promised)
  return stderr
})

const completing: Case = { script: completes }

describe("effect-codex run", () => {
  for (const [hole, open] of [
    ["a collector that takes connections and never answers", silent],
    ["a collector that does not take connections", full],
    ["a port where nothing listens", refusing]
  ] as const) {
    Live.test(
      `does the same with ${hole}, hardly later, and says what was lost`,
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
      90_000
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
      90_000
    )
  }
})
