/** Help, the version and mistakes: quick, correct, and readable on every terminal. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { expect } from "vitest"
import { helpPages } from "../../scripts/cliHelp.ts"
import { pages } from "../../src/cli/generated/helpPages.ts"
import * as HelpText from "../../src/cli/HelpText.ts"
import * as QuickAnswer from "../../src/cli/QuickAnswer.ts"
import * as TerminalStyle from "../../src/cli/TerminalStyle.ts"
import { version } from "../../src/internal/version.ts"
import * as CommandLine from "../support/commandLine.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const leaves = Object.values(pages).filter(({ commands }) => commands.length === 0)

const recorder = `import { registerHooks } from "node:module"
import { writeFileSync } from "node:fs"
const urls = []
registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
process.on("exit", () => writeFileSync(process.env.LOADED, urls.join("\\n")))`

/** Runs the command line from its sources in a process of its own, and lists the modules that it loads. */
const loaded = (...args: ReadonlyArray<string>) => {
  const directory = mkdtempSync(join(tmpdir(), "effect-codex-loaded-"))
  try {
    const ran = spawnSync(
      process.execPath,
      [
        "--import",
        `data:text/javascript,${encodeURIComponent(recorder)}`,
        join(root, "src/cli/main.ts"),
        ...args
      ],
      { encoding: "utf8", env: { PATH: process.env["PATH"], LOADED: join(directory, "list"), COLUMNS: "80" } }
    )
    const modules = readFileSync(join(directory, "list"), "utf8")
      .split("\n")
      .flatMap((url) => (url.startsWith("file:") ? [url.replace(pathToFileURL(root).href, "")] : []))
    return { ...ran, modules }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

describe("the modules that the command line loads", () => {
  const light = [
    "src/cli/ExitCode.ts",
    "src/cli/HelpText.ts",
    "src/cli/QuickAnswer.ts",
    "src/cli/TerminalStyle.ts",
    "src/cli/WrapText.ts",
    "src/cli/generated/helpPages.ts",
    "src/cli/main.ts",
    "src/internal/version.ts"
  ]

  it("are eight small files for the version and for help, without Effect, the engine and OpenTelemetry", () => {
    for (const [args, code, stdout] of [
      [["--version"], 0, `effect-codex v${version}\n`],
      [["threads", "show", "--help"], 0, "Show the messages and work of a thread"]
    ] as const) {
      const ran = loaded(...args)
      assert.deepStrictEqual(ran.modules.toSorted(), light)
      assert.deepStrictEqual([ran.status, ran.stderr], [code, ""])
      assert.include(ran.stdout, stdout)
    }
  })

  it("are the parser and no handler for a mistake", () => {
    const { modules, status, stdout } = loaded("run", "--nonsense")
    assert.deepStrictEqual([status, stdout], [2, ""])
    assert.include(modules, "src/cli/program.ts")
    const heavy = modules.filter((url) =>
      /@opentelemetry|cli\/handlers|src\/(engine|telemetry|testing|turn|approval)\//.test(url)
    )
    assert.deepStrictEqual(heavy, [])
  })
})

describe("help", () => {
  it.effect("is generated from the declarations of the commands (npm run docs)", () =>
    Effect.map(helpPages, (declared) => assert.deepStrictEqual(pages, declared))
  )

  it("has an example of every command", () => {
    assert.isAbove(leaves.length, 12)
    for (const { examples, path } of leaves) {
      assert.isNotEmpty(examples, path.join(" "))
      for (const { command } of examples) assert.isTrue(command.startsWith(path.join(" ")), command)
    }
  })

  it("fits every width, and says the same on each", () => {
    const words = (text: string) => text.replaceAll(/[\s\\#]+/g, "")
    for (const page of Object.values(pages)) {
      const wide = HelpText.render(page, { width: 400, color: false })
      for (const width of [20, 40, 60, 72, 80, 132, 200]) {
        const text = HelpText.render(page, { width, color: false })
        for (const line of text.split("\n")) assert.isAtMost(line.length, width, line)
        if (width >= 40) assert.strictEqual(words(text), words(wide))
        const colored = HelpText.render(page, { width, color: true })
        assert.include(colored, "\u001b[1m")
        assert.strictEqual(colored.replaceAll(/\u001b\[\d+m/g, ""), text)
      }
    }
  })

  for (const width of [40, 80, 200])
    it(`looks good on ${width} columns`, async () => {
      const text = ["effect-codex", "effect-codex run", "effect-codex trace check"].map((name) => {
        const page = pages[name]
        return page === undefined ? "" : HelpText.render(page, { width, color: false })
      })
      await expect(`${text.join(`\n${"=".repeat(width)}\n`)}\n`).toMatchFileSnapshot(
        `help-${width}.golden.txt`
      )
    })

  it.effect("is the same with and without the parser", () =>
    Effect.gen(function* () {
      const style = (stream: "stdout" | "stderr") => TerminalStyle.of(process[stream], {})
      for (const { path } of Object.values(pages)) {
        const args = [...path.slice(1), "--help"]
        const parsed = yield* CommandLine.runHere({ args })
        assert.deepStrictEqual([parsed.code, parsed.stderr], [0, ""])
        assert.strictEqual(`${QuickAnswer.of(args, style)?.text}\n`, parsed.stdout)
      }
    })
  )

  it.effect("answers a call that names no command, on stderr and with exit code 2", () =>
    Effect.gen(function* () {
      const style = () => TerminalStyle.of({}, {})
      for (const args of [[], ["threads"], ["trace"]]) {
        const quick = QuickAnswer.of(args, style)
        assert.deepInclude(quick, { stream: "stderr", code: 2 })
        assert.include(quick?.text, "Commands")
        const parsed = yield* CommandLine.runHere({ args: [...args, "--log-level", "info"] })
        assert.deepStrictEqual([parsed.code, parsed.stdout, parsed.stderr], [2, "", `${quick?.text}\n`])
      }
    })
  )

  it("leaves everything else to the parser", () => {
    const style = () => TerminalStyle.of({}, {})
    for (const args of [["run"], ["run", "--help", "x"], ["walk"], ["--help", "run"], ["--version", "run"]])
      assert.isUndefined(QuickAnswer.of(args, style), args.join(" "))
  })
})

describe("a mistake", () => {
  for (const [args, first, then] of [
    [
      ["run", "--sandbx", "x"],
      "effect-codex run has no flag --sandbx; did you mean --sandbox?",
      "run --help"
    ],
    [["thread"], 'effect-codex has no command "thread"; did you mean threads?', "Commands: run, review"],
    [["threads", "shw"], 'effect-codex threads has no command "shw"; did you mean show?', "list, show, fork"],
    [["threads", "show"], "Missing required argument: THREAD", "effect-codex threads show last"],
    [["run", "--sandbox", "none", "x"], 'Invalid value for flag --sandbox: "none"', "run [flags] [PROMPT]"],
    [
      ["run", "-c", "model", "x"],
      '-c takes key=value, not "model"',
      'effect-codex run "Fix the failing test"'
    ],
    [["trace", "flush"], "there is no spool directory", "effect-codex trace flush --dir"]
  ] as const)
    it.effect(`is the first thing that "${args.join(" ")}" prints, with a short reminder`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* CommandLine.runHere({ args })
        assert.deepStrictEqual([code, stdout], [2, ""])
        const lines = stderr.trimEnd().split("\n")
        assert.isTrue(lines[0]?.startsWith(first), lines[0])
        assert.include(stderr, then)
        assert.isAtMost(lines.length, 8)
      })
    )
})

describe("the style of a stream", () => {
  const terminal = { isTTY: true, columns: 132 }
  const styles: ReadonlyArray<
    readonly [TerminalStyle.StyledStream, Readonly<Record<string, string>>, boolean]
  > = [
    [terminal, {}, true],
    [{}, {}, false],
    [terminal, { TERM: "dumb" }, false],
    [terminal, { TERM: "xterm" }, true],
    [terminal, { NO_COLOR: "1" }, false],
    [terminal, { NO_COLOR: "" }, true],
    [terminal, { FORCE_COLOR: "0" }, false],
    [terminal, { FORCE_COLOR: "false" }, false],
    [{}, { FORCE_COLOR: "1" }, true],
    [{}, { FORCE_COLOR: "" }, false],
    [{}, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    [terminal, { FORCE_COLOR: "1", TERM: "dumb" }, true],
    [{}, { FORCE_COLOR: "0", NO_COLOR: "" }, false]
  ]
  it("has colours on a terminal, unless the environment decides", () => {
    for (const [stream, env, expected] of styles)
      assert.strictEqual(TerminalStyle.hasColor(stream, env), expected, JSON.stringify([stream, env]))
  })

  it("is as wide as COLUMNS says, otherwise as the terminal", () => {
    const widths: ReadonlyArray<readonly [TerminalStyle.StyledStream, string | undefined, number]> = [
      [terminal, undefined, 132],
      [terminal, "40", 40],
      [{}, "40", 40],
      [{}, undefined, 100],
      [{ columns: 132 }, undefined, 100],
      [{ isTTY: true, columns: 0 }, undefined, 100],
      [terminal, "wide", 132],
      [terminal, "0", 132],
      [terminal, "5", 20],
      [terminal, "100000", 400]
    ]
    for (const [stream, COLUMNS, expected] of widths)
      assert.strictEqual(TerminalStyle.widthOf(stream, { COLUMNS }), expected, `${COLUMNS}`)
  })
})
