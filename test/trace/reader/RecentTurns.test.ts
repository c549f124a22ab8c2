/** The turns that a process keeps in memory: the same as a reader finds in the files that it exported. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import { Approval, Codex, File } from "effect-codex"
import { Scripted } from "effect-codex/testing"
import * as Tracer from "../../../src/telemetry/tracer/Tracer.ts"
import * as RecentTurns from "../../../src/trace/reader/RecentTurns.ts"
import * as TraceReader from "../../../src/trace/reader/TraceReader.ts"
import { environment } from "../../support/environment.ts"
import { test } from "../../support/live.ts"

const script = [Scripted.command("npm test", { approval: true }), Scripted.message("Fixed.")]

/** Runs turns with a memory beside an exporter to a file. */
const runTurns = (recent: RecentTurns.RecentTurns, path: string, count: number) =>
  Effect.gen(function* () {
    const codex = yield* Codex
    const ids: Array<string> = []
    for (let n = 0; n < count; n++) {
      yield* Scripted.play(script)
      const thread = yield* codex.startThread({ cwd: "/", approvalMode: "on-request" })
      ids.push((yield* thread.run("Fix it")).id)
    }
    return ids
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Codex.layer.pipe(
        Layer.provide(Approval.layer(() => Effect.succeed(Approval.accept))),
        Layer.provideMerge(Scripted.layer),
        Layer.provideMerge(
          Layer.merge(
            File.layer({ path, signals: ["traces"] }),
            Tracer.layerProcessor(Effect.succeed(recent.processor), { everything: true })
          ).pipe(Layer.provide(environment()))
        )
      )
    )
  )

const file = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.map(
    fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "effect-codex-recent-" }),
    (directory) => `${directory}/traces.jsonl`
  )
)

describe("RecentTurns", () => {
  test("returns the same trace as the files that the process exported", () =>
    Effect.gen(function* () {
      const path = yield* file
      const recent = RecentTurns.make()
      const [id = ""] = yield* runTurns(recent, path, 1)
      const { read, turns } = yield* TraceReader.scan([path])
      const [exported] = yield* read(turns.map(({ key }) => key))
      const kept = recent.read(id)
      assert.includeMembers(kept?.spans.map(({ kind }) => kind) ?? [], ["turn", "approval", "command"])
      assert.deepStrictEqual(kept, exported)
      assert.isUndefined(recent.read("none"))
    }))

  test("keeps a bounded number of spans and of bytes, the latest ones", () =>
    Effect.gen(function* () {
      const path = yield* file
      for (const limits of [
        { maxSpans: 12, maxBytes: Infinity },
        { maxSpans: Infinity, maxBytes: 10_000 }
      ]) {
        const recent = RecentTurns.make(limits)
        const ids = yield* runTurns(recent, path, 8)
        assert.isAtMost(recent.size(), 12)
        assert.isUndefined(recent.read(ids[0] ?? ""))
        assert.strictEqual(recent.read(ids[7] ?? "")?.turn.turnId, ids[7])
      }
    }))
})
