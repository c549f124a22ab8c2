import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { once } from "node:events"
import * as EngineHost from "../../src/host/EngineHost.ts"
import * as HostSettings from "../../src/host/HostSettings.ts"
import * as HostState from "../../src/host/HostState.ts"
import * as Supervisor from "../../src/host/Supervisor.ts"
import type { Report } from "../../src/host/SupervisorProcess.ts"
import * as FileLock from "../../src/internal/FileLock.ts"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"
import * as Host from "../support/engineHost.ts"
import * as HostFiles from "../support/hostFiles.ts"
import { test } from "../support/live.ts"
import { isAlive } from "../support/processes.ts"

const fifo = (path: string) => void spawnSync("mkfifo", [path])

const refusal = <A>(effect: Effect.Effect<A, EngineHost.EngineHostError>) =>
  Effect.map(Effect.flip(effect), (error) =>
    error._tag === "EngineStartFailed"
      ? `${error.reason}: ${error.detail}`
      : `${error._tag}: ${error.message}`
  )

/** Runs a supervisor in this process. It must end before it needs Codex. */
const supervise = (dir: string) =>
  Effect.gen(function* () {
    const reports: Array<Report["_tag"]> = []
    const settings = HostSettings.make({ dir, codexPath: "/nonexistent/codex" }, dir, "start")
    const end = yield* Effect.result(
      Effect.scoped(Supervisor.run(settings, ({ _tag }) => void reports.push(_tag)))
    )
    return { end, reports }
  })

/** Listens on a path until the scope closes. */
const listen = (path: string, answer = "") =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((socket) => void socket.on("error", () => {}).end(answer)).listen(path)
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  )

describe("the directory of an engine host", () => {
  test("is refused if another user can use it, or if a link leads to it", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [expected: string, make: (path: string) => string]> = [
        ["chmod 700", (path) => (Fs.mkdirSync(path), Fs.chmodSync(path, 0o777), path)],
        ["chmod 700", (path) => (Fs.mkdirSync(path, { mode: 0o750 }), path)],
        ["not a directory", (path) => (Fs.writeFileSync(path, ""), path)],
        ["not a directory", (path) => (fifo(path), path)],
        [
          "symbolic link",
          (path) => (
            Fs.mkdirSync(`${path}-real`, { mode: 0o700 }),
            Fs.symlinkSync(`${path}-real`, path),
            path
          )
        ],
        [
          "symbolic link",
          (path) => {
            Fs.mkdirSync(`${path}-real/host`, { mode: 0o700, recursive: true })
            Fs.symlinkSync(`${path}-real`, path)
            return `${path}/host`
          }
        ],
        ...(process.geteuid?.() === 0
          ? [
              [
                "another user",
                (path: string) => (
                  Fs.mkdirSync(path, { mode: 0o700 }),
                  Fs.chownSync(path, 65534, 65534),
                  path
                )
              ] as const
            ]
          : [])
      ]
      for (const [index, [expected, make]] of cases.entries()) {
        const base = yield* Host.directory
        const dir = make(`${base}/case-${index}`)
        const before = Fs.readdirSync(base, { recursive: true })
        for (const use of [
          EngineHost.start({ dir }),
          EngineHost.status(dir),
          EngineHost.stop(dir),
          EngineHost.drain({ dir })
        ]) {
          const reason = yield* refusal<unknown>(use)
          assert.match(reason, /^BadHost: /)
          assert.include(reason, expected)
        }
        assert.deepStrictEqual(Fs.readdirSync(base, { recursive: true }), before)
      }
    }))

  test("is not created by a question about its host, nor by its stop", () =>
    Effect.gen(function* () {
      const dir = `${yield* Host.directory}/host`
      assert.deepStrictEqual(yield* EngineHost.status(dir), Option.none())
      assert.isFalse(yield* EngineHost.stop(dir))
      assert.isFalse(Fs.existsSync(dir))
    }))

  test("has no host if its state is a link, a FIFO, too large or damaged, and nothing of such a state is used", () =>
    Effect.gen(function* () {
      const me = yield* ProcessIdentity.self
      const codex = yield* HostFiles.bystander
      const good = JSON.stringify(HostFiles.state(me, codex))
      const changed = (generation: Partial<HostState.Generation>) =>
        JSON.stringify(HostFiles.state({ ...me, started: "1" }, { ...codex, started: "1" }, {}, generation))
      const cases: ReadonlyArray<(dir: string) => void> = [
        (dir) => (
          HostFiles.write(dir, good),
          Fs.renameSync(`${dir}/host.json`, `${dir}/real`),
          Fs.symlinkSync("real", `${dir}/host.json`)
        ),
        (dir) => fifo(`${dir}/host.json`),
        (dir) => HostFiles.write(dir, good + " ".repeat(300 * 1024)),
        (dir) => HostFiles.write(dir, good.slice(0, -10)),
        (dir) => HostFiles.write(dir, "\0\u{1F600}"),
        // Names that lead out of the directory, and marks that other processes have too.
        (dir) => HostFiles.write(dir, changed({ socket: "../victim" })),
        (dir) => HostFiles.write(dir, changed({ mark: "" })),
        (dir) => HostFiles.write(dir, changed({ process: { ...codex, pid: 0 } })),
        (dir) => HostFiles.write(dir, changed({ process: { ...codex, pid: -1 } })),
        (dir) => HostFiles.write(dir, changed({ id: -1 }))
      ]
      for (const [index, make] of cases.entries()) {
        const base = yield* Host.directory
        const dir = `${base}/host`
        Fs.mkdirSync(dir, { mode: 0o700 })
        Fs.writeFileSync(`${base}/victim`, "kept")
        make(dir)
        assert.strictEqual(yield* HostState.read(dir), undefined, `case ${index}`)
        assert.deepStrictEqual(yield* EngineHost.status(dir), Option.none())
        assert.isFalse(yield* EngineHost.stop(dir))
        assert.strictEqual(Fs.readFileSync(`${base}/victim`, "utf8"), "kept")
      }
      assert.isTrue(isAlive(codex.pid))
    }))

  test("with a state of another format is refused, because a newer version may use it", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      const me = yield* ProcessIdentity.self
      HostFiles.write(dir, { ...HostFiles.state(me, me), format: 2, libraryVersion: "99.0.0" })
      const before = Fs.readFileSync(`${dir}/host.json`, "utf8")
      for (const use of [EngineHost.start({ dir }), EngineHost.status(dir), EngineHost.stop(dir)])
        assert.match(yield* refusal<unknown>(use), /^BadHost: .*effect-codex 99\.0\.0/)
      assert.strictEqual(Fs.readFileSync(`${dir}/host.json`, "utf8"), before)
    }))

  test("ends no process whose pid the system has reused, also if it is that of the supervisor", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      const live = yield* HostFiles.bystander
      const other = yield* HostFiles.bystander
      HostFiles.write(dir, HostFiles.state({ ...live, started: "1" }, { ...other, started: "1" }))
      assert.deepStrictEqual(yield* EngineHost.status(dir), Option.none())
      assert.isTrue(yield* EngineHost.stop(dir))
      assert.deepStrictEqual([isAlive(live.pid), isAlive(other.pid)], [true, true])
      assert.deepStrictEqual(Fs.readdirSync(dir), [])
    }))

  test("loses the link of a Codex that was killed and its socket, and no other file that a link leads to", () =>
    Effect.gen(function* () {
      const base = yield* Host.directory
      const dir = `${base}/host`
      Fs.mkdirSync(dir, { mode: 0o700 })
      const me = yield* ProcessIdentity.self
      const gone = { ...me, started: "1" }
      Fs.writeFileSync(`${base}/precious`, "kept")
      for (const target of ["precious", "left.sock"]) {
        if (target === "left.sock") {
          const server = yield* listen(`${base}/made.sock`)
          // A socket whose process has ended: the system removes only the name that it was made with.
          Fs.linkSync(`${base}/made.sock`, `${base}/left.sock`)
          server.close()
        }
        Fs.symlinkSync(`${base}/${target}`, `${dir}/${HostFiles.socket}`)
        HostFiles.write(dir, HostFiles.state(gone, gone))
        assert.isTrue(yield* EngineHost.stop(dir))
        assert.deepStrictEqual(Fs.readdirSync(dir), [])
      }
      assert.sameMembers(Fs.readdirSync(base), ["host", "precious"])
    }))

  test("fails typed if its lock, its log or its socket is a link, a FIFO or a directory", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [name: string, make: (path: string) => void]> = [
        ["lock", (path) => Fs.symlinkSync("target", path)],
        ["lock", fifo],
        ["lock", (path) => Fs.mkdirSync(path)],
        ["host.sock", (path) => Fs.mkdirSync(path)]
      ]
      for (const [name, make] of cases) {
        const dir = yield* Host.directory
        Fs.writeFileSync(`${dir}/target`, "kept")
        make(`${dir}/${name}`)
        const { end, reports } = yield* supervise(dir)
        assert.deepStrictEqual(reports, [])
        assert.strictEqual(end._tag, "Failure")
        if (end._tag === "Failure" && end.failure._tag === "EngineStartFailed")
          assert.strictEqual(end.failure.reason, "BadHost")
        else assert.fail(String(end))
        assert.strictEqual(Fs.readFileSync(`${dir}/target`, "utf8"), "kept")
      }
    }))

  test("belongs to one supervisor: another one reports it and changes nothing", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      yield* Effect.acquireRelease(
        Effect.sync(() => FileLock.acquire(`${dir}/lock`)),
        (lock) => Effect.sync(() => lock?.release())
      )
      const before = Fs.readdirSync(dir)
      const { end, reports } = yield* supervise(dir)
      assert.deepStrictEqual([end._tag === "Success" && end.success, reports], ["other", ["Other"]])
      assert.deepStrictEqual(Fs.readdirSync(dir), before)
    }))

  test("gives no client to a process that took the socket of Codex, or that of the supervisor", () =>
    Effect.gen(function* () {
      const base = yield* Host.directory
      const dir = `${base}/host`
      Fs.mkdirSync(dir, { mode: 0o700 })
      const me = yield* ProcessIdentity.self
      const codex = yield* HostFiles.bystander
      HostFiles.write(dir, HostFiles.state(me, codex))
      // This process listens, and the state names another one.
      yield* listen(`${base}/taken.sock`)
      Fs.symlinkSync(`${base}/taken.sock`, `${dir}/${HostFiles.socket}`)
      assert.match(yield* refusal(EngineHost.start({ dir })), /another process listens/)
      const answer = JSON.stringify({ _tag: "Done", value: {} })
      yield* listen(`${base}/control.sock`, `${answer}\n`)
      Fs.symlinkSync(`${base}/control.sock`, `${dir}/host.sock`)
      const asked = yield* Effect.forkChild(refusal(EngineHost.status(dir)))
      assert.match(yield* Fiber.join(asked), /^EngineUnreachable: .*not a socket/)
    }))
})
