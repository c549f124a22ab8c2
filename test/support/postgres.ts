/** Starts a PostgreSQL server of its own for a test file. */
import { afterAll, beforeAll, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { freePort } from "./freePort.ts"

/** Debian keeps the server's programs out of PATH, in one directory per version. */
const debian = "/usr/lib/postgresql"

const directories = (): ReadonlyArray<string> => [
  ...(existsSync(debian)
    ? readdirSync(debian)
        .toSorted((a, b) => Number(b) - Number(a))
        .map((version) => `${debian}/${version}/bin`)
    : []),
  ...(process.env["PATH"] ?? "").split(":")
]

const bin = directories().find((directory) => existsSync(`${directory}/initdb`))

/** PostgreSQL refuses to run as root, so root starts it as the user that its package creates. */
const user = ((): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  try {
    const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { stdio: "pipe" }))
    return { uid: id("-u"), gid: id("-g") }
  } catch {
    return undefined
  }
})()

/** Why tests that need a server cannot run here, or `undefined`. */
export const missing: string | undefined =
  bin === undefined
    ? "no PostgreSQL server here (scripts/install-optional.sh postgresql)"
    : user === undefined
      ? "PostgreSQL refuses to run as root, and there is no user postgres"
      : undefined

/** Whether to skip tests that need a server. The first call of a process prints the reason. */
export const skipped = (what: string): boolean => {
  if (missing !== undefined) process.stderr.write(`\nSKIPPED: ${missing}: ${what} is not tried\n`)
  return missing !== undefined
}

/**
 * Starts the server and stops it with the signal that stdin names. The end of stdin means that the test process died: the
 * data directory goes too, so a killed test run leaves nothing behind.
 */
const supervisor = `
directory=$1; shift
"$@" </dev/null & server=$!
echo "$server" > "$directory/server.pid"
read -r signal || signal=
kill -"\${signal:-INT}" "$server" 2>/dev/null
wait "$server"
[ -n "$signal" ] || rm -rf "$directory"
`

/**
 * How the server stops. `INT` ends sessions and writes a checkpoint (`pg_ctl stop -m fast`); `QUIT` ends at once, so that
 * the next start recovers from the log (`-m immediate`).
 */
export type StopSignal = "INT" | "QUIT"

export interface Server {
  /** The URL of a database. The password is in it. */
  readonly url: (database?: string, port?: number) => Redacted.Redacted
  /** Writes a file that only the server may read, and returns its path. */
  readonly writeFile: (name: string, text: string) => string
  readonly port: number
  readonly password: string
  /** Creates an empty database with this name, and returns its URL. */
  readonly createDatabase: (name: string) => Effect.Effect<Redacted.Redacted>
  /** Runs SQL as the administrator and returns the rows, columns separated by a bar. */
  readonly query: (sql: string, database?: string) => Effect.Effect<ReadonlyArray<string>>
  readonly stop: (signal?: StopSignal) => Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Stops and starts: every connection ends, no commit is lost. */
  readonly restart: (signal?: StopSignal) => Effect.Effect<void>
  /** What the server has logged. */
  readonly log: () => string
}

/** Starts a server on a random port of loopback. It ends, and its directory goes, when the scope closes. */
export const make = Effect.gen(function* () {
  const programs = bin ?? ""
  const owner = user ?? { uid: 0, gid: 0 }
  const password = randomBytes(12).toString("hex")
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync("/var/tmp/effect-codex-postgres-")
      chownSync(path, owner.uid, owner.gid)
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const env = { PATH: process.env["PATH"], HOME: directory, LC_ALL: "C.UTF-8", TZ: "UTC" }
  const data = `${directory}/data`
  const writeFile = (name: string, text: string): string => {
    const path = `${directory}/${name}`
    writeFileSync(path, text, { mode: 0o600 })
    chownSync(path, owner.uid, owner.gid)
    return path
  }
  yield* Effect.sync(() => {
    writeFile("password", password)
    execFileSync(
      `${programs}/initdb`,
      [
        "--pgdata",
        data,
        "--username",
        "postgres",
        "--pwfile",
        `${directory}/password`,
        "--auth",
        "scram-sha-256",
        "--encoding",
        "UTF8",
        "--no-locale",
        "--no-sync"
      ],
      { ...owner, env, cwd: directory, stdio: "pipe" }
    )
  })

  let port = 0
  let child: ChildProcess | undefined
  let log = ""
  // A test reads what it wrote after the server was killed: commits reach the operating system, which does not crash.
  const settings = () => [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=200",
    "log_min_messages=log"
  ]
  const spawnServer = () =>
    Effect.callback<boolean>((resume) => {
      const started = spawn(
        "sh",
        [
          "-c",
          supervisor,
          "sh",
          directory,
          `${programs}/postgres`,
          "-D",
          data,
          ...settings().flatMap((setting) => ["-c", setting])
        ],
        { ...owner, env, cwd: directory, stdio: ["pipe", "ignore", "pipe"] }
      )
      child = started
      let seen = ""
      let isReady = false
      started.stderr.on("data", (chunk) => {
        log += String(chunk)
        seen += String(chunk)
        if (isReady) return
        isReady = seen.includes("ready to accept connections")
        if (isReady) resume(Effect.succeed(true))
        // Another process took the port: the supervisor waits for a word, and ends with its server.
        else if (seen.includes("could not bind")) started.stdin.write("INT\n")
      })
      started.once("close", () => resume(Effect.succeed(false)))
    })
  const start: Effect.Effect<void> = Effect.suspend(() => {
    if (port !== 0)
      return Effect.flatMap(spawnServer(), (isReady) => (isReady ? Effect.void : Effect.die(new Error(log))))
    const tryPort = (attempts: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        port = yield* freePort
        if (yield* spawnServer()) return
        if (attempts > 1) return yield* tryPort(attempts - 1)
        return yield* Effect.die(new Error(`PostgreSQL does not start: ${log}`))
      })
    return tryPort(5)
  })
  const stop = (signal: StopSignal = "INT"): Effect.Effect<void> =>
    Effect.promise(async () => {
      const running = child
      child = undefined
      if (running === undefined || running.exitCode !== null) return
      const closed = once(running, "close")
      running.stdin?.write(`${signal}\n`)
      await closed
    })
  yield* Effect.addFinalizer(() => stop("QUIT"))
  yield* start

  const url = (database = "postgres", at = port) =>
    Redacted.make(`postgres://postgres:${password}@127.0.0.1:${at}/${database}`)
  const query = (sql: string, database?: string) =>
    Effect.sync(() =>
      execFileSync(`${programs}/psql`, [
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--quiet",
        "--command",
        sql,
        Redacted.value(url(database))
      ])
        .toString()
        .split("\n")
        .filter((line) => line !== "")
    )
  const server: Server = {
    url,
    writeFile,
    port,
    password,
    createDatabase: (name) => Effect.as(query(`CREATE DATABASE "${name}"`), url(name)),
    query,
    stop,
    start,
    restart: (signal) => Effect.andThen(stop(signal), start),
    log: () => log
  }
  return server
})

/** Starts one server for all tests of a file, or of a group. */
export const forTests = (): {
  readonly server: () => Server
  readonly emptyDatabase: Effect.Effect<Redacted.Redacted>
} => {
  const scope = Scope.makeUnsafe()
  let started: Server | undefined
  let databases = 0
  beforeAll(async () => {
    started = await Effect.runPromise(Scope.provide(make, scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const server = () => started ?? expect.fail("the server has not started")
  return { server, emptyDatabase: Effect.suspend(() => server().createDatabase(`test_${++databases}`)) }
}
