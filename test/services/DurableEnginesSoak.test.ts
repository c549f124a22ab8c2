/** Three workers of one PostgreSQL database and two real Codex. For a minute, a worker or a Codex is killed every 3 seconds. */
import { assert, describe } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as PostgresStore from "../../src/durable-postgres/PostgresStore.ts"
import { Store } from "../../src/durable/store/Store.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as SeededRandom from "../../src/testing/simulation/SeededRandom.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import * as Workers from "../support/durableWorkers.ts"
import * as Live from "../support/live.ts"
import * as Postgres from "../support/postgres.ts"
import { isSoak } from "../support/soak.ts"

/** Another seed makes other choices: which process is killed, and which worker is frozen. */
const seed = Number(process.env["EFFECT_CODEX_TEST_SEED"] ?? 20_261_122)

const rounds = 20
const threadCount = 15
const turnCount = rounds * threadCount
/** A turn calls a tool, runs a command and answers. */
const requestsOfATurn = 3
/** Every fourth turn fails when its Codex dies, and the others continue. */
const recoveryOf = (index: number) => (index % 4 === 3 ? "fail" : "continue")

const freezeAt = 5
const thawAt = 8
const restarts: ReadonlyMap<number, Postgres.StopSignal> = new Map([
  [7, "INT"],
  [14, "QUIT"]
])

/** Returns the key of the turn that sends a request, and the conversation since the turn began. */
const taskOf = ({ body }: M.RecordedRequest) => {
  const input = Array.isArray(body["input"]) ? body["input"].map((item) => JSON.stringify(item)) : []
  const start = input.findLastIndex((item) => /do turn\d+/.test(item))
  const since = input.slice(Math.max(start, 0)).join("\n")
  return { key: /do (turn\d+)/.exec(since)?.[1] ?? "none", since }
}

const countBy = <A>(values: ReadonlyArray<A>, nameOf: (value: A) => string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(nameOf(value), (counts.get(nameOf(value)) ?? 0) + 1)
  return counts
}

/** A script that repeats no step which the conversation shows. It counts the requests of each turn. */
const makeModel = () => {
  const requests = new Map<string, number>()
  const recovered = new Set<string>()
  const script = (request: M.RecordedRequest): M.Reply => {
    const { key, since } = taskOf(request)
    const count = (requests.get(key) ?? 0) + 1
    requests.set(key, count)
    if (since.includes("The program that ran you stopped")) recovered.add(key)
    if (!since.includes(`note-${key}-`) && !since.includes("- tool: note"))
      return M.reply(M.call("note", {}, { callId: `note-${key}-${count}` }))
    if (!since.includes(`echo ${key} >>`))
      return M.reply(M.shell(`sleep 0.2; echo ${key} >> runs`, { timeoutMillis: 20_000 }))
    return M.reply(M.text("half "), M.delay("300 millis"), M.text(`${key} is done`))
  }
  return { requests, recovered, script }
}

/** Repeats an operation of the test's own client until the database is back. */
const whenBack = Effect.retry({ schedule: Schedule.spaced("100 millis"), times: 600 })

interface EngineDeath {
  readonly engine: string
  readonly from: number
  readonly to: number
}

describe.skipIf(Postgres.skipped("workers and engines that are killed") || !isSoak)(
  "three workers and two Codex, of which one is killed every 3 seconds",
  () => {
    const { emptyDatabase, server } = Postgres.forTests()

    Live.test(
      `end ${turnCount} turns, each once, and repeat no step that has ended`,
      () =>
        Effect.gen(function* () {
          const began = yield* Clock.currentTimeMillis
          const fs = yield* FileSystem.FileSystem
          const random = SeededRandom.make(seed, "kills")
          const url = yield* emptyDatabase
          const database = new URL(Redacted.value(url)).pathname.slice(1)
          const query = (sql: string) => server().query(sql, database)
          const { recovered, requests, script } = makeModel()
          const one = yield* CodexSocket.make(script)
          const two = yield* CodexSocket.make(script)
          const directory = yield* fs.makeTempDirectoryScoped({
            directory: "/var/tmp",
            prefix: "durable-soak-"
          })
          const calls = `${directory}/calls`
          const startWorker = Workers.start(
            [Redacted.value(url), `${one.proxyPath},${two.proxyPath}`, calls],
            { NOTE_MILLIS: "200" }
          )
          const deaths: Array<EngineDeath> = []
          let workerKills = 0

          yield* Effect.gen(function* () {
            const store = yield* Store
            yield* query(
              `create table outcomes (key text);
               create function log_outcome() returns trigger language plpgsql as
                 'begin insert into outcomes values (new.key); return new; end';
               create trigger log_outcome after update of outcome on codex_turns for each row execute function log_outcome()`
            )
            const workers = yield* Effect.all([startWorker, startWorker, startWorker], {
              concurrency: "unbounded"
            })
            const frozen = random.below(workers.length)

            const killWorker = Effect.fnUntraced(function* (victim: number) {
              workerKills++
              workers[victim]?.kill("SIGKILL")
              workers[victim] = yield* startWorker
            })
            const killEngine = Effect.fnUntraced(function* (engine: typeof one) {
              const from = yield* Clock.currentTimeMillis
              yield* engine.restart
              deaths.push({ engine: engine.proxyPath, from, to: yield* Clock.currentTimeMillis })
            })
            const happen = Effect.fnUntraced(function* (round: number) {
              if (round === freezeAt) workers[frozen]?.kill("SIGSTOP")
              if (round === thawAt) workers[frozen]?.kill("SIGCONT")
              const restart = restarts.get(round)
              if (restart !== undefined) yield* server().restart(restart)
              const isFrozen = round >= freezeAt && round < thawAt
              const victims = workers.flatMap((_, index) => (isFrozen && index === frozen ? [] : [index]))
              const victim = victims[random.below(victims.length)] ?? 0
              const engine = random.oneOf([one, two])
              yield* random.chance(50) ? killWorker(victim) : killEngine(engine)
            })

            for (let round = 0; round < rounds; round++) {
              yield* Effect.forEach(
                Array.from({ length: threadCount }, (_, thread) => thread),
                (thread) =>
                  whenBack(
                    store.submit({
                      key: `turn${round * threadCount + thread}`,
                      threadId: `thread${thread}`,
                      threadOptions: { cwd: one.workspace, sandbox: "workspace-write" },
                      input: `do turn${round * threadCount + thread}`,
                      options: { recovery: recoveryOf(round * threadCount + thread) }
                    })
                  )
              )
              yield* Effect.all([Effect.sleep("3 seconds"), happen(round)], { concurrency: "unbounded" })
            }
            const lastKill = yield* Clock.currentTimeMillis
            const openKeys = query("select key from codex_turns where outcome is null order by key")
            const endedBefore = turnCount - (yield* openKeys).length
            yield* openKeys.pipe(
              Effect.repeat({ until: ({ length }) => length === 0, schedule: Schedule.spaced("500 millis") }),
              Effect.timeoutOrElse({
                duration: "5 minutes",
                orElse: () =>
                  Effect.flatMap(openKeys, (keys) => Effect.die(new Error(`no end: ${keys.join(" ")}`)))
              })
            )
            const ended = yield* Clock.currentTimeMillis

            const toolCalls = countBy(yield* query("select key from codex_tool_calls"), String)
            const runs = countBy(Workers.lines(`${one.workspace}/runs`), String)
            const engines = new Map(
              yield* Effect.forEach(
                Array.from({ length: threadCount }, (_, thread) => `thread${thread}`),
                (id) => Effect.map(store.thread(id), (row) => [id, row?.engine ?? ""] as const)
              )
            )
            const turns = yield* Effect.forEach(
              Array.from({ length: turnCount }, (_, index) => index),
              Effect.fnUntraced(function* (index) {
                const key = `turn${index}`
                const row = yield* store.turn(key)
                const outcome = yield* store.outcome(key)
                if (row === undefined || outcome === undefined)
                  return yield* Effect.die(new Error(`no outcome of ${key}`))
                const { endedAt, epoch, startedAt, status, threadId } = row
                return {
                  key,
                  epoch,
                  status,
                  startedAt: (startedAt ?? 0) - began,
                  endedAt: (endedAt ?? 0) - began,
                  engine: engines.get(threadId),
                  recovery: recoveryOf(index),
                  end: outcome._tag === "Completed" ? "completed" : outcome.error._tag,
                  message: outcome._tag === "Completed" ? outcome.turn.message : outcome.error.message,
                  requests: requests.get(key) ?? 0,
                  runs: runs.get(key) ?? 0,
                  toolCalls: toolCalls.get(key) ?? 0,
                  /** Whether the Codex of the turn died while the turn ran. */
                  engineDied: deaths.some(
                    ({ engine, from, to }) =>
                      engine === engines.get(threadId) && (startedAt ?? 0) <= to && (endedAt ?? 0) >= from
                  )
                }
              })
            )
            const keys = turns.map(({ key }) => key)
            const text = (counts: ReadonlyMap<string, number>) =>
              [...counts].map(([name, count]) => `${count} ${name}`).join(", ")
            const repeated = turns.filter(({ runs, toolCalls }) => runs > 1 || toolCalls > 1)
            /** The turns with more than one stored end of a command, or of a tool, and the identities of these events. */
            const storedTwice = (yield* query(
              `select key || ' ' || string_agg(coalesce(event_id, '-'), ' ')
               from codex_events, lateral (select event::json as line) as decoded
               where line ->> 'type' = 'item.completed' and line -> 'item' ->> 'status' = 'completed'
                 and line -> 'item' ->> 'type' in ('command_execution', 'tool_call')
               group by key, line -> 'item' ->> 'type' having count(*) > 1`
            )).map((line) => line.split(" "))
            process.stdout.write(
              `\nseed ${seed}: ${turnCount} turns of ${threadCount} threads: ${text(countBy(turns, ({ end }) => end))}; ` +
                `${recovered.size} continued after a dead Codex, ${turns.filter(({ epoch }) => epoch > 1).length} changed their worker; ` +
                `${workerKills} workers and ${deaths.length} Codex killed, 1 worker frozen, ${restarts.size} restarts of PostgreSQL; ` +
                `${keys.reduce((sum, key) => sum + (requests.get(key) ?? 0), 0)} model requests; ` +
                `${repeated.length} turns repeated a step whose end was not stored; ` +
                `${storedTwice.length} turns store the end of a step twice ${JSON.stringify(storedTwice)}; ` +
                `${((lastKill - began) / 1000).toFixed(0)} s until the last kill, when ${endedBefore} turns had ended, ` +
                `${((ended - began) / 1000).toFixed(0)} s in all\n`
            )

            assert.deepStrictEqual(yield* query("select key from outcomes order by key"), keys.toSorted())
            assert.deepStrictEqual(yield* query("select key from codex_turns order by key"), keys.toSorted())
            // A call of the tool that runs a second time has the same idempotency key.
            const idempotencyKeys = Workers.lines(calls).map((line) => line.split(" ")[1])
            assert.strictEqual(new Set(idempotencyKeys).size, idempotencyKeys.length)
            // The agent repeats a step only if neither the conversation nor the message about the death shows it. A step that
            // has ended is in one of them, so no turn stores the end of a step twice.
            assert.deepStrictEqual(storedTwice, [])
            const unexpected = turns.filter((turn) => {
              if (turn.end === "completed") {
                if (turn.message !== `${turn.key} is done`) return true
                if (recovered.has(turn.key)) return turn.recovery === "fail" || !turn.engineDied
              } else if (turn.end === "TurnOutcomeUnknown")
                return turn.recovery !== "fail" || !turn.engineDied
              else if (turn.end !== "ToolOutcomeUnknown") return true
              if (turn.engineDied) return false
              const isComplete = turn.end === "completed"
              return (
                turn.requests !== (isComplete ? requestsOfATurn : 1) ||
                turn.runs !== (isComplete ? 1 : 0) ||
                turn.toolCalls !== 1
              )
            })
            if (unexpected.length > 0)
              process.stdout.write(
                `dead Codex, in ms: ${JSON.stringify(deaths.map(({ engine, from, to }) => ({ engine, from: from - began, to: to - began })))}\n`
              )
            assert.deepStrictEqual(unexpected, [])
          }).pipe(Effect.provide(PostgresStore.layer({ url })))
        }),
      900_000
    )
  }
)
