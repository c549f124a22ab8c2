/** The parser of the runbook, and that every block in it is either run or left out for a reason; CI runs the blocks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { escape } from "effect/RegExp"
import * as Result from "effect/Result"
import * as Blocks from "../../scripts/runbook/Blocks.ts"
import * as SelfMetrics from "../../src/telemetry/delivery/SelfMetrics.ts"

const read = (file: string) => FileSystem.FileSystem.use((fs) => fs.readFileString(file))

const fenced = (info: string, code: string) => `\`\`\`${info}\n${code}\n\`\`\`\n`

const classified = (info: string, code = "true") => {
  const [block] = Blocks.parse("a.md", fenced(info, code))
  return block === undefined ? Result.fail("no block") : Blocks.classify(block)
}

/** Expands a shell pattern for names in a directory for temporary files. */
const globs = (code: string) =>
  [...code.matchAll(/\brm -\w+ .*\/tmp\}"?\/(\S+)/g)].map(
    ([, glob = ""]) => new RegExp(`^${glob.split("*").map(escape).join(".*")}$`)
  )

describe("a runbook document", () => {
  it("is parsed into blocks with heading, line, marks and expected output", () => {
    const text = [
      "# One",
      fenced('sh receiver="/v1/traces /v1/logs" header="a: b c" tls', "first\n\nsecond"),
      "## Two",
      fenced("text output", "what …\n\ncomes"),
      fenced("ts", "# no heading"),
      fenced("sh", "last")
    ].join("\n")
    const [first, second, third] = Blocks.parse("docs/x.md", text)
    assert.deepStrictEqual(first, {
      at: "docs/x.md:2",
      heading: "One",
      language: "sh",
      marks: new Map([
        ["receiver", "/v1/traces /v1/logs"],
        ["header", "a: b c"],
        ["tls", ""]
      ]),
      code: "first\n\nsecond",
      output: ["what …", "comes"]
    })
    assert.deepStrictEqual([second?.language, second?.heading, third?.code], ["ts", "Two", "last"])
    assert.deepStrictEqual(third?.output, [])
  })

  it("can mark how a block runs, or that it does not run", () => {
    const success = (info: string, code?: string) => Result.getOrThrow(classified(info, code))
    assert.strictEqual(success("ts"), undefined)
    assert.strictEqual(success("sh")?._tag, "Run")
    const skip = success('sh skip="needs an account"')
    assert.strictEqual(skip?._tag === "Skip" ? skip.reason : undefined, "needs an account")
    const receiver = (info: string) => {
      const step = success(info)
      return step?._tag === "Run" ? step.receiver : undefined
    }
    assert.deepStrictEqual(receiver("sh"), { _tag: "Refused" })
    assert.deepStrictEqual(receiver('sh receiver="silent"'), { _tag: "Silent" })
    assert.deepStrictEqual(receiver('sh receiver="nothing"'), { _tag: "Unused" })
    assert.deepStrictEqual(receiver('sh receiver="/a /b" tls'), {
      _tag: "Answers",
      paths: ["/a", "/b"],
      tls: true
    })
    const step = success('sh header="x-team: a, b" needs="curl jq" env="A=1 B=c=d"')
    assert.deepStrictEqual(step?._tag === "Run" ? [step.header, step.needs, step.env] : [], [
      ["x-team", "a, b"],
      ["curl", "jq"],
      [
        ["A", "1"],
        ["B", "c=d"]
      ]
    ])
  })

  it("cannot skip a block without a reason, use an unknown mark, or hide a command in another language", () => {
    for (const info of [
      "bash",
      "console",
      "shell",
      "sh skip",
      'sh skip="no"',
      'sh reciever="/a"',
      "sh run"
    ]) {
      assert.isTrue(Result.isFailure(classified(info)), info)
    }
    assert.isTrue(Result.isFailure(classified("sh", "curl http://localhost:4318")))
  })

  it("has its expected output searched line by line and in order", () => {
    const output = "one 1 (x)\ntwo  \nthree\n"
    assert.strictEqual(Blocks.missing([], output), undefined)
    assert.strictEqual(Blocks.missing(["one … (x)", "two", "…"], output), undefined)
    assert.strictEqual(Blocks.missing(["two", "one …"], output), "one …")
    assert.strictEqual(Blocks.missing(["two", "two"], output), "two")
    assert.strictEqual(Blocks.missing(["one"], output), "one")
    assert.strictEqual(Blocks.missing(["o.e …"], output), "o.e …")
  })
})

describe("the runbook", () => {
  it.effect("removes no staged file and no user's home", () =>
    Effect.gen(function* () {
      const blocks = Blocks.parse("docs/runbook.md", yield* read("docs/runbook.md"))
      const removed = blocks.flatMap(({ code }) => globs(code))
      const demo = yield* read("src/cli/handlers/playDemo.ts")
      const [, prefix = ""] = /directory: tmpdir\(\), prefix: "([^"]+)"/.exec(demo) ?? []
      assert.isNotEmpty(prefix)
      assert.strictEqual(removed.length, 1)
      assert.isTrue(
        removed.every((glob) => glob.test(`${prefix}Xa3_9z`)),
        "what the demo leaves goes"
      )
      for (const other of ["effect-codex-1000", "effect-codex-user", "effect-codex-Xa3_9z"])
        assert.isFalse(
          removed.some((glob) => glob.test(other)),
          other
        )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has only blocks that run or that state a reason for not running", () =>
    Effect.gen(function* () {
      const counts: Record<string, number> = {}
      for (const file of ["docs/runbook.md", "docs/backends.md"]) {
        const text = yield* read(file)
        const blocks = Blocks.parse(file, text)
        for (const block of blocks) {
          const step = yield* Effect.fromResult(Blocks.classify(block))
          const kind = `${file} ${step?._tag ?? "Shown"}`
          counts[kind] = (counts[kind] ?? 0) + 1
        }
        // One that the parser passes over, indented for example, would be neither.
        const fences = text.split("\n").filter((line) => line.includes("```")).length
        const outputs = blocks.filter(({ output }) => output.length > 0).length
        assert.strictEqual(fences, 2 * (blocks.length + outputs), file)
      }
      assert.isAtLeast(counts["docs/runbook.md Run"] ?? 0, 20)
      assert.isUndefined(counts["docs/runbook.md Skip"])
      assert.isUndefined(counts["docs/runbook.md Shown"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("explains every reason for lost telemetry", () =>
    Effect.gen(function* () {
      const text = yield* read("docs/runbook.md")
      const reasons: Readonly<Record<SelfMetrics.FailureReason, true>> = {
        queue_full: true,
        export_failed: true,
        rejected: true,
        timeout: true,
        shutdown: true,
        spool_full: true,
        expired: true
      }
      const documented = [...text.matchAll(/^\| `([a-z_]+)` +\|/gm)].map(([, reason]) => reason)
      assert.sameMembers(documented, Object.keys(reasons))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("finds every variable of the sources in settings.md", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const settings = yield* read("docs/settings.md")
      const files = (yield* fs.readDirectory("src", { recursive: true })).filter((name) =>
        name.endsWith(".ts")
      )
      const named = new Set<string>()
      for (const file of files) {
        const literals = (yield* read(`src/${file}`)).matchAll(/"((?:CODEX_OTLP|CODEX_OTEL|OTEL)_[A-Z_]+)"/g)
        for (const [, name = ""] of literals) named.add(name)
      }
      // These two begin the names of others.
      for (const prefix of ["OTEL_BSP", "OTEL_BLRP"]) named.delete(prefix)
      assert.isAbove(named.size, 20)
      for (const name of named) assert.match(settings, new RegExp(`^\\| \`${name}\``, "m"))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has no broken link", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const slug = (heading: string) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w\- ]/g, "")
          .replaceAll(" ", "-")
      for (const file of ["docs/runbook.md", "docs/backends.md"]) {
        for (const [, target = "", anchor] of (yield* read(file)).matchAll(
          /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g
        )) {
          const path = target === "" ? file : `docs/${target}`
          assert.isTrue(yield* fs.exists(path), `${file}: ${target}`)
          if (anchor === undefined) continue
          const headings = [...(yield* read(path)).matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => slug(text))
          assert.include(headings, anchor, `${file}: ${target}`)
        }
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
