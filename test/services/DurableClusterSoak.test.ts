/** Several workers of one PostgreSQL database and one real Codex: one is killed, one is frozen, the others continue. */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import type { ChildProcess } from "node:child_process"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import * as Workers from "../support/durableWorkers.ts"
import * as Live from "../support/live.ts"
import * as Postgres from "../support/postgres.ts"
import { isSoak } from "../support/soak.ts"

const skipped = Postgres.skipped("workers of durable turns in PostgreSQL")

/** How many turns run, and how many workers join the first one. */
const { joining, turnCount } = isSoak ? { joining: 2, turnCount: 12 } : { joining: 1, turnCount: 3 }
/** Each turn calls a tool that must not run twice, runs a command, and then waits for the gate in its last answer. */
const requestsOfATurn = 3

describe.skipIf(skipped)("several workers of one database", () => {
  const { emptyDatabase, server } = Postgres.forTests()

  /** One Codex, one database, and how to start workers. `script` answers each model request of a turn, from 0 on. */
  const setUp = (script: (key: string, request: number) => M.Reply) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const url = yield* emptyDatabase
      const requests = new Map<string, number>()
      const codex = yield* CodexSocket.make((request) => {
        const key = /do (\w+)$/.exec(request.lastUserText)?.[1] ?? "none"
        const before = requests.get(key) ?? 0
        requests.set(key, before + 1)
        return script(key, before)
      })
      const directory = yield* fs.makeTempDirectoryScoped({
        directory: "/var/tmp",
        prefix: "durable-cluster-"
      })
      const calls = `${directory}/calls`
      const paths = [Redacted.value(url), codex.proxyPath, calls] as const
      const database = new URL(Redacted.value(url)).pathname.slice(1)
      return {
        codex,
        requests,
        layer: PostgresStore.layer({ url }),
        calls: () => Workers.lines(calls),
        gate: `${directory}/gate`,
        query: (sql: string) => server().query(sql, database),
        start: (env: Readonly<Record<string, string>> = {}) => Workers.start(paths, env),
        submit: (key: string) =>
          Store.use((store) =>
            store.submit({
              key,
              threadId: key,
              threadOptions: { cwd: codex.workspace, sandbox: "workspace-write" },
              input: `do ${key}`,
              options: {}
            })
          )
      }
    })

  /**
   * The turns start on one worker. Others join while a tool of each turn runs. When all turns wait for the gate, something
   * happens to the worker that has most of them. Checks that each step of each turn happened once, and returns how many turns
   * have changed their worker.
   */
  const scenario = (happens: (victim: ChildProcess, continued: Effect.Effect<void>) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const gate = yield* Deferred.make<void>()
      const {
        calls,
        codex,
        gate: toolGate,
        layer,
        query,
        requests,
        start,
        submit
      } = yield* setUp((key, request) => {
        if (request === 0) return M.reply(M.call("note", {}))
        if (request === 1) return M.reply(M.shell(`echo ${key} >> runs`))
        return M.reply(M.text("half "), M.until(Deferred.await(gate)), M.text(`${key} is done`))
      })
      return yield* Effect.gen(function* () {
        const store = yield* Store
        const keys = Array.from({ length: turnCount }, (_, index) => `turn${index}`)
        const env = { GATE: toolGate }
        const first = yield* start(env)
        yield* Effect.forEach(keys, submit)
        yield* Workers.until(
          "the tool of each turn runs",
          Effect.sync(() => calls().length === turnCount)
        )
        yield* query(
          `create table outcomes (key text);
           create function log_outcome() returns trigger language plpgsql as
             'begin insert into outcomes values (new.key); return new; end';
           create trigger log_outcome after update of outcome on codex_turns for each row execute function log_outcome()`
        )
        const workers = [
          first,
          ...(yield* Effect.all(
            Array.from({ length: joining }, () => start(env)),
            { concurrency: "unbounded" }
          ))
        ]
        yield* Workers.until(
          "another worker has shards",
          Effect.map(
            query("select distinct pid from pg_locks where locktype = 'advisory'"),
            ({ length }) => length > 1
          )
        )
        yield* fs.writeFileString(toolGate, "")
        yield* Workers.until(
          "all turns wait",
          Effect.gen(function* () {
            const [ended] = yield* store.turns({ ended: true })
            assert.isUndefined(ended === undefined ? undefined : yield* store.outcome(ended.key))
            return keys.every((key) => requests.get(key) === requestsOfATurn)
          })
        )
        const owned = ({ pid }: ChildProcess) =>
          Effect.map(store.turns({ ended: false }), (rows) =>
            rows.filter(({ runner }) => runner?.split(":")[1] === String(pid))
          )
        const counts = yield* Effect.forEach(workers, (worker) =>
          Effect.map(owned(worker), ({ length }) => length)
        )
        const victim = workers[counts.indexOf(Math.max(...counts))] ?? first
        const continued = Workers.until(
          "others continue its turns",
          Effect.map(owned(victim), ({ length }) => length === 0)
        )
        yield* happens(victim, Effect.provideService(continued, Store, store))
        yield* Deferred.succeed(gate, undefined)
        yield* Workers.until(
          "all turns end",
          Effect.map(store.turns({ ended: true }), ({ length }) => length === turnCount)
        )
        for (const key of keys) {
          const outcome = yield* store.outcome(key)
          assert.strictEqual(
            outcome?._tag === "Completed" ? outcome.turn.message : outcome?.error.message,
            `${key} is done`
          )
        }
        assert.deepStrictEqual(
          keys.map((key) => requests.get(key)),
          keys.map(() => requestsOfATurn)
        )
        assert.deepStrictEqual(Workers.lines(`${codex.workspace}/runs`).toSorted(), keys.toSorted())
        const idempotencyKeys = calls().map((line) => line.split(" ")[1])
        assert.strictEqual(idempotencyKeys.length, turnCount)
        assert.strictEqual(new Set(idempotencyKeys).size, turnCount)
        assert.deepStrictEqual(yield* query("select key from outcomes order by key"), keys.toSorted())
        const rows = yield* store.turns({})
        return { moved: rows.filter(({ epoch }) => epoch > 1).length, ofVictim: Math.max(...counts) }
      }).pipe(Effect.provide(layer))
    })

  describe("when one of them fails", () => {
    Live.test(
      "F09 continue the turns of a worker that is killed: no step of a turn happens twice",
      () =>
        Effect.gen(function* () {
          const { moved, ofVictim } = yield* scenario((victim, continued) =>
            Effect.andThen(
              Effect.sync(() => victim.kill("SIGKILL")),
              continued
            )
          )
          assert.isAtLeast(moved, ofVictim)
        }),
      120_000
    )

    Live.test(
      "F11 continue the turns of a worker that is frozen, which does nothing twice when it thaws",
      () =>
        Effect.gen(function* () {
          const { moved, ofVictim } = yield* scenario((victim, continued) =>
            Effect.gen(function* () {
              victim.kill("SIGSTOP")
              yield* continued
              victim.kill("SIGCONT")
            })
          )
          assert.isAtLeast(moved, ofVictim)
        }),
      120_000
    )
  })

  Live.test(
    "F11 refuse to start a turn that another worker has started while this one was frozen right before the start",
    () =>
      Effect.gen(function* () {
        const { calls, layer, requests, start, submit } = yield* setUp(() => M.reply(M.text("done")))
        yield* Effect.gen(function* () {
          const store = yield* Store
          const frozen = yield* start({ FREEZE_AT_START: "1" })
          yield* submit("turn")
          yield* Workers.until(
            "the worker is frozen",
            Effect.sync(() => Workers.isFrozen(frozen))
          )
          yield* start()
          yield* Workers.until(
            "the turn ends",
            Effect.map(store.turn("turn"), (row) => row?.status === "completed")
          )
          frozen.kill("SIGCONT")
          yield* Workers.until(
            "the frozen worker decides whether it starts the turn",
            Effect.sync(() => calls().length > 0)
          )
          assert.deepStrictEqual(calls(), [`ThreadBusy - ${frozen.pid}`])
          assert.strictEqual(requests.get("turn"), 1)
        }).pipe(Effect.provide(layer))
      }),
    120_000
  )
})
