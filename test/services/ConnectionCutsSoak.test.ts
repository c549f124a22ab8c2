/** Cuts the connection to the real Codex at random moments of one turn with commands, approvals and tools. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../src/Approval.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import * as Live from "../support/live.ts"
import { numbers } from "../support/samplePage.ts"
import { isSoak } from "../support/soak.ts"

const seed = 20_261_122
/** A cut comes after at most so many chunks of Codex, also while the client connects again. */
const maxChunks = 12

const Tools = Toolkit.make(Tool.make("note", { success: Schema.String }))

const count = <A>(values: ReadonlyArray<A>): ReadonlyMap<A, number> => {
  const counts = new Map<A, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

const itemsOf = (events: ReadonlyArray<Turn.TurnEvent>, tag: "ItemStarted" | "ItemCompleted") =>
  events.flatMap((event) => (event._tag === tag ? [event.item] : []))

describe("a turn whose connection is cut again and again", () => {
  const cuts = isSoak ? 50 : 12

  Live.test(
    `goes on over ${isSoak ? "50" : "a few"} cuts: no item is lost or repeated, and nothing is asked or run twice`,
    () =>
      Effect.gen(function* () {
        const random = numbers(seed)
        let made = 0
        let steps = 0
        // A command, a command with an approval and a tool by turns, until the last cut has happened.
        const codex = yield* CodexSocket.make(() => {
          if (made === cuts) return M.reply(M.text("all "), M.text("done"))
          const step = steps++
          const text = M.text(`step ${step}`)
          if (step % 3 === 0) return M.reply(text, M.shell(`echo ${step} >> runs`))
          if (step % 3 === 1) return M.reply(text, M.shell(`echo ${step} >> runs`, { escalate: "I need it" }))
          return M.reply(text, M.call("note", {}))
        })
        const asked: Array<string> = []
        let calls = 0
        const tools = yield* Effect.provide(
          Tools,
          Tools.toLayer({ note: () => Effect.sync(() => `note ${calls++}`) })
        )
        const policy: Approval.Policy = (request) =>
          Effect.sync(() => {
            asked.push(request._tag === "Command" ? (request.script ?? request.command) : request._tag)
            return Approval.accept
          })
        const cutting = Effect.gen(function* () {
          while (made < cuts) {
            yield* codex.cutAfter(Math.floor(random() * maxChunks))
            made++
          }
        })
        const events = yield* Effect.gen(function* () {
          const thread = yield* codex.start({ tools })
          yield* Effect.forkScoped(cutting, { startImmediately: true })
          return yield* Stream.runCollect(thread.stream("go"))
        }).pipe(Effect.scoped, Effect.provide([codex.layer, Approval.layer(policy)]))

        const last = events.at(-1)
        const turn =
          last?._tag === "TurnCompleted" ? last.turn : assert.fail(`the last event is ${last?._tag}`)
        assert.strictEqual(turn.message, "done")
        const starts = count(itemsOf(events, "ItemStarted").map(({ id }) => id))
        const ends = count(itemsOf(events, "ItemCompleted").map(({ id }) => id))
        // Codex does not store a running command, so its start can be lost. Its end has all of it.
        assert.includeMembers([...ends.keys()], [...starts.keys()])
        assert.sameMembers(
          turn.items.map(({ id }) => id),
          [...ends.keys()]
        )
        assert.deepStrictEqual(new Set([...starts.values(), ...ends.values()]), new Set([1]))
        const tags = count(events.map(({ _tag }) => _tag))
        assert.deepStrictEqual([tags.get("TurnStarted"), tags.get("TurnCompleted")], [1, 1])
        const commands = turn.items.flatMap((item) => (item._tag === "CommandExecution" ? [item.status] : []))
        const numbersOf = (keep: (step: number) => boolean) =>
          Array.from({ length: steps }, (_, step) => step).filter(keep)
        const run = numbersOf((step) => step % 3 < 2)
        assert.deepStrictEqual(
          commands,
          run.map(() => "completed")
        )
        const fs = yield* FileSystem.FileSystem
        const runs = yield* fs.readFileString(`${codex.workspace}/runs`)
        assert.deepStrictEqual(runs.trim().split("\n"), run.map(String))
        assert.deepStrictEqual(
          asked,
          numbersOf((step) => step % 3 === 1).map((step) => `echo ${step} >> runs`)
        )
        assert.strictEqual(calls, numbersOf((step) => step % 3 === 2).length)
        assert.lengthOf(yield* codex.model.requests, steps + 1)
        process.stdout.write(
          `\n${cuts} cuts: ${codex.connections()} connections, ${steps} steps, ${events.length} events, ${tags.get("ConnectionRestored") ?? 0} gaps\n`
        )
      }),
    isSoak ? 300_000 : 60_000
  )
})
