/**
 * What it costs to have a turn durable: throughput and latency, on SQLite and PostgreSQL, compared with plain turns and with a
 * loop by hand that stores rows in the same database (durableLoop.ts).
 *
 * Method. Each contender has workers of its own, in processes of their own, with the same scripted engine, whose turns cost next
 * to nothing: what is measured is what happens around a turn. This process is the client. All workers start before the clock,
 * and the contenders alternate in a changing order. In a round, each runs one turn after another on an idle worker (latency),
 * and then many turns at once, each on a thread of its own (throughput). First rounds do not count.
 *
 * Reading. `start` is the time from the call of `submit` to the start of the turn in the engine; `end` is the time from the end
 * of the turn in the engine to the return of `await` in this process. Ratios are computed per round. The PostgreSQL server is one
 * of tests, which does not wait for the disk (`fsync=off`), while a commit of SQLite is on the disk: compare a database with
 * itself only. Without a PostgreSQL server, its rows are left out.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as DurablePostgres from "../src/durable-postgres/DurablePostgres.ts"
import { Durable } from "../src/durable/Durable.ts"
import * as Postgres from "../test/support/postgres.ts"
import * as Loop from "./durableLoop.ts"
import * as Report from "./report.ts"

const rounds = Report.roundsOf(7, 2)
const warmUp = 1
const single = 5
const many = 100

const worker = fileURLToPath(new URL("./durableWorker.ts", import.meta.url))
/** The monotonic clock, which all processes of the machine share, in milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6

/** When turns started and ended in the engines of the workers. */
const started = new Map<string, number>()
const ended = new Map<string, number>()

const onMessage = (message: unknown) => {
  if (typeof message !== "object" || message === null || !("key" in message)) return
  if ("started" in message) started.set(String(message.key), Number(message.started))
  if ("ended" in message) ended.set(String(message.key), Number(message.ended))
}

/** Waits until the workers have reported the turns: the database can be faster than their messages. */
const reported = (keys: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.sleep("1 millis").pipe(
    Effect.repeat({ until: () => keys.every((key) => ended.has(key)) }),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.die(new Error("the workers do not report all turns"))
    })
  )

const startWorker = (kind: string, database: string): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = fork(worker, [kind, database], { execArgv: [] })
      child.on("message", onMessage)
      await once(child, "message")
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        const exit = once(child, "exit")
        child.kill("SIGKILL")
        await exit
      })
  )

/** A way to run turns. */
interface Contender {
  readonly name: string
  /** Runs turns at once, each under its key. */
  readonly run: (keys: ReadonlyArray<string>) => Effect.Effect<void>
}

const plain = Effect.map(startWorker("plain", ""), (child): Contender => ({
  name: "plain",
  run: (keys) =>
    Effect.callback<void>((resume) => {
      const onDone = (message: unknown) => {
        if (typeof message !== "object" || message === null || !("done" in message)) return
        child.off("message", onDone)
        resume(Effect.void)
      }
      child.on("message", onDone)
      child.send([...keys])
    })
}))

const makeDurable = Effect.fnUntraced(function* (name: string, database: string, workers: number) {
  const layer = database.startsWith("postgres:")
    ? DurablePostgres.layer({ url: Redacted.make(database) })
    : Durable.layerSqlite({ path: database })
  const durable = Context.get(yield* Layer.build(Layer.fresh(layer)), Durable)
  yield* Effect.forEach(Array.from({ length: workers }), () => startWorker("durable", database))
  return {
    name,
    run: (keys) =>
      Effect.forEach(
        keys,
        (key) => Effect.andThen(durable.submit(key, { key, thread: key }), durable.await(key)),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.orDie)
  } satisfies Contender
})

const makeLoop = Effect.fnUntraced(function* (name: string, database: string) {
  const services = yield* Layer.build(Layer.fresh(Loop.layerSql(database)))
  yield* startWorker("loop", database)
  return {
    name,
    run: (keys) =>
      Effect.forEach(keys, (key) => Effect.andThen(Loop.submit(key, key), Loop.await_(key)), {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.provideContext(services), Effect.orDie)
  } satisfies Contender
})

/** One round of one contender, in milliseconds; throughput as the time per turn. */
interface Measured {
  readonly start: number
  readonly end: number
  readonly each: number
}

let turns = 0
const nextKeys = (count: number) => Array.from({ length: count }, () => `turn-${++turns}`)

const measure = Effect.fnUntraced(function* ({ run }: Contender) {
  const starts: Array<number> = []
  const ends: Array<number> = []
  for (const key of nextKeys(single)) {
    const submitted = now()
    yield* run([key])
    const returned = now()
    yield* reported([key])
    starts.push((started.get(key) ?? Number.NaN) - submitted)
    ends.push(returned - (ended.get(key) ?? Number.NaN))
  }
  const keys = nextKeys(many)
  const before = now()
  yield* run(keys)
  const each = (now() - before) / many
  yield* reported(keys)
  return { start: Report.median(starts), end: Report.median(ends), each } satisfies Measured
})

const program = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync("/var/tmp/effect-codex-bench-")),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const contenders: Array<Contender> = [
    yield* plain,
    yield* makeDurable("durable, SQLite", join(directory, "turns.db"), 1),
    yield* makeLoop("loop by hand, SQLite", join(directory, "loop.db"))
  ]
  if (Postgres.missing !== undefined) console.log(`without PostgreSQL: ${Postgres.missing}`)
  else {
    const server = yield* Postgres.make
    const database = (name: string) => Effect.map(server.createDatabase(name), Redacted.value)
    contenders.push(
      yield* makeDurable("durable, PostgreSQL", yield* database("durable"), 1),
      yield* makeDurable("durable, PostgreSQL, three workers", yield* database("three"), 3),
      yield* makeLoop("loop by hand, PostgreSQL", yield* database("loop"))
    )
  }

  const results = new Map(contenders.map(({ name }) => [name, [] as Array<Measured>]))
  for (let number = -warmUp; number < rounds; number++)
    for (const contender of Report.rotated(contenders, number + warmUp)) {
      const measured = yield* measure(contender)
      if (number >= 0) results.get(contender.name)?.push(measured)
    }

  const column = (name: string, key: keyof Measured) => (results.get(name) ?? []).map((row) => row[key])
  const ratio = (key: keyof Measured, what: string, of: string, to: string): ReadonlyArray<Report.Row> =>
    results.has(of) && results.has(to)
      ? [
          {
            name: `${what}, ${of} / ${to}`,
            unit: "x",
            ...Report.quartilesOf(Report.ratios(column(of, key), column(to, key)))
          }
        ]
      : []
  const compared = ["SQLite", "PostgreSQL"].flatMap((database) => {
    const durable = `durable, ${database}`
    const loop = `loop by hand, ${database}`
    return [
      ...ratio("each", "time per turn of 100", durable, "plain"),
      ...ratio("each", "time per turn of 100", durable, loop),
      ...ratio("start", "start", durable, loop),
      ...ratio("end", "end", durable, loop)
    ]
  })
  const of = (name: string): ReadonlyArray<Report.Row> => [
    { name: `time per turn of 100, ${name}`, unit: "ms", ...Report.quartilesOf(column(name, "each")) },
    { name: `start, ${name}`, unit: "ms", ...Report.quartilesOf(column(name, "start")) },
    { name: `end, ${name}`, unit: "ms", ...Report.quartilesOf(column(name, "end")) }
  ]
  Report.finish([
    ...compared,
    ...ratio("each", "time per turn of 100", "durable, PostgreSQL, three workers", "durable, PostgreSQL"),
    ...contenders.flatMap(({ name }) => of(name))
  ])
}).pipe(Effect.scoped)

await Effect.runPromise(program)
