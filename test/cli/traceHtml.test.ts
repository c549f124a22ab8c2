/** `effect-codex trace html`: the file it writes, and what it refuses. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as CommandLine from "../support/commandLine.ts"
import * as TraceFiles from "../support/traceFiles.ts"

const withFile = <A, E, R>(
  use: (directory: string, traces: string) => Effect.Effect<A, E, R>,
  change: (line: string) => string = (line) => line
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-html-" })
    const traces = path.join(directory, "traces.jsonl")
    yield* fs.writeFileString(traces, Array.from(TraceFiles.lines(0, 3), change).join("\n"))
    return yield* use(directory, traces)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

/** Decodes the data of a page. */
const dataOf = (html: string): unknown =>
  JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? "")

describe("effect-codex trace html", () => {
  it.live("writes the turns of a file as one page that only its owner may read", () =>
    withFile((directory, traces) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const out = `${directory}/page.html`
        yield* fs.writeFileString(out, "an older page", { mode: 0o644 })
        const ran = yield* CommandLine.runHere({
          args: ["trace", "html", traces, "-o", out]
        })
        assert.deepStrictEqual(ran, { code: 0, stdout: `${out}\n`, stderr: "3 turns, 24 spans\n" })
        const html = yield* fs.readFileString(out)
        assert.include(html, "Content-Security-Policy")
        assert.notMatch(html, /(?:src|href)="?http/)
        assert.strictEqual(Number((yield* fs.stat(out)).mode) & 0o777, 0o600)
        assert.deepNestedInclude(dataOf(html), {
          files: ["traces.jsonl"],
          omittedTurns: 0,
          badLines: 0,
          "turns[0].turn.turnId": TraceFiles.turnIdOf(2),
          // The cost that the program recorded, by its own prices.
          "turns[0].spans[1].costUsd": (0.03 * 2) / 16
        })
      })
    )
  )

  it.live("adds the cost of each call by the price of its model to a file that has no costs", () =>
    withFile(
      (directory, traces) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const out = `${directory}/page.html`
          yield* CommandLine.runHere({
            args: ["trace", "html", traces, "-o", out, "--price", "gpt-5.5=1,10"]
          })
          // 200 tokens in, 12 out.
          assert.deepNestedInclude(dataOf(yield* fs.readFileString(out)), {
            "turns[0].spans[1].costUsd": 320 / 1e6
          })
        }),
      (line) => line.replaceAll("codex.model_call.cost_usd", "unknown")
    )
  )

  it.live("writes the newest turns up to the limit, and says what it leaves out", () =>
    withFile((directory, traces) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const out = `${directory}/page.html`
        yield* fs.writeFileString(traces, "\nnot JSON\n", { flag: "a" })
        const ran = yield* CommandLine.runHere({ args: ["trace", "html", traces, "-o", out, "--limit", "1"] })
        assert.strictEqual(ran.stderr, "1 turn, 8 spans; left out 2 older turns; could not read 1 line\n")
        assert.deepNestedInclude(dataOf(yield* fs.readFileString(out)), {
          omittedTurns: 2,
          badLines: 1,
          "turns[0].turn.turnId": TraceFiles.turnIdOf(2)
        })
      })
    )
  )

  it.live(
    "refuses a missing file, a wrong price, a directory as page, and a page that is one of the files",
    () =>
      withFile((directory, traces) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const out = `${directory}/page.html`
          const before = yield* fs.readFileString(traces)
          for (const [args, message] of [
            [[`${directory}/none.jsonl`, "-o", out], /cannot read .*none\.jsonl/],
            [[traces, "-o", out, "--price", "gpt-5.5"], /--price takes MODEL=INPUT,OUTPUT/],
            [[traces, "-o", directory], /--out: cannot write/],
            [[traces, "-o", traces], /--out: .* is one of the files to read/]
          ] as const) {
            const ran = yield* CommandLine.runHere({ args: ["trace", "html", ...args] })
            assert.strictEqual(ran.code, 2)
            assert.match(ran.stderr, message)
          }
          assert.isFalse(yield* fs.exists(out))
          assert.strictEqual(yield* fs.readFileString(traces), before)
        })
      )
  )

  it.live("exits with 1, writes nothing and says what it could not read if there is no turn", () =>
    withFile((directory, traces) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString(traces, "hello\n")
        const ran = yield* CommandLine.runHere({
          args: ["trace", "html", traces, "-o", `${directory}/page.html`]
        })
        assert.deepStrictEqual(
          [ran.code, ran.stderr.split("\n")],
          [1, [`${traces}:1: not JSON`, "0 turns, 0 spans in 1 file", "There is no turn in these files.", ""]]
        )
        assert.isFalse(yield* fs.exists(`${directory}/page.html`))
      })
    )
  )
})
