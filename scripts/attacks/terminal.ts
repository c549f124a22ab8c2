/** Attacks on the person at the terminal: requests that hide what they ask for, answers that the person did not give, control codes. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as Readline from "node:readline"
import { Readable } from "node:stream"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../../test/support/agentCalls.ts"
import * as Pty from "../../test/support/pty.ts"
import * as ReviewReply from "../../test/support/reviewReply.ts"
import type { Attack } from "./Attack.ts"

const question = "stop the turn (q): "
const more = "Space: more"

/** Starts a turn of the real Codex on a terminal, in a directory of its own, with a model that plays the script. */
const start = Effect.fnUntraced(function* (
  script: M.Script,
  options: {
    readonly args?: ReadonlyArray<string>
    readonly toFile?: boolean
    readonly config?: string
    readonly prompt?: string
    /** The height of the terminal. Default: 24 lines, which shows most requests in several pages. */
    readonly rows?: number
  } = {}
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* M.make(script)
  const env = yield* M.home(server, { config: options.config })
  const cwd = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "attack-" }), fs.realPath)
  const stdout = `${env.CODEX_HOME}/stdout.txt`
  const pty = yield* Pty.start({
    args: ["run", "--cd", cwd, ...(options.args ?? []), options.prompt ?? "go"],
    env,
    cwd,
    ...(options.rows === undefined ? {} : { rows: options.rows }),
    ...(options.toFile === true ? { stdout } : {})
  })
  return {
    pty,
    env,
    cwd,
    stdout: fs.readFileString(stdout),
    owned: fs.exists(`${cwd}/owned`)
  }
})

/** A model that asks to run a command outside the sandbox. */
const asks = (command: string, reason = "it is needed"): M.Script => [
  M.reply(M.shell(command, { escalate: reason })),
  M.reply(M.text("done"))
]

/** Types an answer, once the prompt has discarded what was typed before it. */
const answer = (pty: Pty.Pty, text: string) => Effect.delay(pty.type(`${text}\r`), "300 millis")

/** Pages through a request to its question, and returns what the terminal showed of it. */
const readRequest = Effect.fnUntraced(function* (pty: Pty.Pty) {
  let pages = 0
  yield* pty.waitFor("The agent asks to run a command")
  while (!pty.output().includes(question)) {
    const turned = pty.output().split(more).length - 1
    if (turned > pages) {
      pages = turned
      // Keys typed before the page is ready are discarded.
      yield* pty.type(" ")
    }
    yield* Effect.sleep("100 millis")
    if ((yield* Effect.timeoutOption(pty.exit, "10 millis"))._tag === "Some") break
  }
  return pty.output()
})

const everyKind = `
[features]
request_permissions_tool = true
default_mode_request_user_input = true
${AgentCalls.things}`

/** Text that is longer than the terminal, ends with a control sequence and names its kind. */
const long = (kind: string) =>
  [...Array.from({ length: 30 }, (_, n) => `${kind}-${n}`), `${kind}-end\u001b]0;x\u0007\u202e`].join("\n")

/** Answers every prompt with no until the program ends. */
const declineAll = Effect.fnUntraced(function* (pty: Pty.Pty) {
  const keys: ReadonlyArray<readonly [prompt: string, typed: string]> = [
    [more, " "],
    [question, "no\r"],
    ["empty for no answer): ", "\r"],
    ["may be empty: ", "\r"],
    ["  value: ", "\r"]
  ]
  const answered = keys.map(() => 0)
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline && (yield* Effect.timeoutOption(pty.exit, "20 millis"))._tag === "None") {
    for (const [index, [prompt, typed]] of keys.entries()) {
      const shown = pty.output().split(prompt).length - 1
      if (shown <= (answered[index] ?? 0)) continue
      answered[index] = shown
      yield* pty.type(typed)
    }
  }
  return pty.output()
})

const rows = (output: string): ReadonlyArray<string> => output.replaceAll("\r", "").split("\n")

const controls = /\u001b\]|\u001b\[2J|\u009b|\u202e|\u0007/

export const terminal: ReadonlyArray<Attack> = [
  {
    id: "H01",
    title: "the terminal prompt shows a command whole if it contains escape sequences",
    run: Effect.gen(function* () {
      const { owned, pty } = yield* start(asks("echo hello\u001b]0;title; touch owned\u0007\u202e"))
      const shown = yield* readRequest(pty)
      yield* pty.type("no\r")
      yield* pty.exit
      if (controls.test(shown)) return "the terminal got control codes of the agent"
      if (!shown.includes("  │ echo hello\\x1b]0;title; touch owned\\x07\\u202e"))
        return "the prompt shows another command than the agent's"
      return (yield* owned) ? "the command ran after a no" : "held"
    }),
    mutant: {
      file: "src/approval/RequestText.ts",
      original: "({ label, text: visible(text) })",
      mutated: "({ label, text })"
    }
  },
  {
    id: "H02",
    title: "the terminal prompt shows a long command to its end before it can be accepted",
    run: Effect.gen(function* () {
      const lines = Array.from({ length: 50 }, (_, n) => `echo ${n}`)
      const { owned, pty } = yield* start(asks([...lines, "touch owned"].join("\n")))
      yield* pty.waitFor(more)
      yield* answer(pty, "y")
      const shown = yield* readRequest(pty)
      if (yield* owned) return "the command ran before its end was shown"
      if (!/^ {2}│ touch owned$/m.test(shown.replaceAll("\r", ""))) return "the prompt cuts the command"
      for (const line of lines) if (!shown.includes(`  │ ${line}⏎`)) return `the prompt leaves out "${line}"`
      yield* answer(pty, "no")
      yield* pty.exit
      return "held"
    }),
    mutant: {
      file: "src/approval/TerminalPrompt.ts",
      original: "page([...heading, ...lines], rows)",
      mutated: "page([...heading, ...lines.slice(0, 30)], rows)"
    }
  },
  {
    id: "H02",
    title: "the terminal prompt shows permissions, questions, forms, calls and patches to their end",
    run: Effect.gen(function* () {
      const patch = [
        "*** Begin Patch",
        "*** Add File: /opt/attack.txt",
        ...long("patch")
          .split("\n")
          .map((line) => `+${line}`)
      ]
      const kinds = ["permission", "reason", "question", "option", "message", "argument", "patch"]
      const { pty } = yield* start(
        [
          AgentCalls.askPermissions(
            {
              file_system: {
                write: long("permission")
                  .split("\n")
                  .map((name) => `/opt/${name}`)
              }
            },
            long("reason")
          ),
          M.reply(
            M.call("request_user_input", {
              questions: [
                {
                  id: "q",
                  header: "Colour",
                  question: long("question"),
                  options: [
                    { label: "red", description: long("option") },
                    { label: "blue", description: "cold" }
                  ]
                }
              ]
            })
          ),
          M.reply(AgentCalls.callThings("ask_it", { mode: "form", message: long("message") })),
          M.reply(AgentCalls.callThings("write_it", { name: long("argument") })),
          M.reply(M.patch([...patch, "*** End Patch"].join("\n"))),
          M.reply(M.text("done"))
        ],
        { config: everyKind }
      )
      const shown = (yield* declineAll(pty)).replaceAll("\r", "")
      if (controls.test(shown)) return "the terminal got control codes of the agent"
      for (const kind of kinds) {
        const end = kind === "argument" ? "\\u001b]0;x\\u0007\\u202e" : "\\x1b]0;x\\x07\\u202e"
        if (!shown.replaceAll("\n  │ ", "").includes(`${kind}-end${end}`))
          return `the prompt cuts the ${kind}`
      }
      const hashes = shown.split("hash of the request:").length - 1
      return hashes === 5 ? "held" : `${hashes} of 5 prompts show the hash`
    }),
    mutant: {
      file: "src/approval/TerminalPrompt.ts",
      original: "texts.flatMap((text) => RequestText.block(text, { columns }))",
      mutated: "texts.flatMap((text) => RequestText.block(text, { columns }).slice(0, 9))"
    }
  },
  {
    id: "H08",
    title: "only whole words are an answer",
    run: Effect.gen(function* () {
      const { owned, pty } = yield* start(asks("touch owned"), { rows: 60 })
      const words = ["yikes no", "abort", "Absolutely not", "another day"]
      for (const [index, text] of words.entries()) {
        if (!(yield* pty.waitFor(question, index + 1))) break
        yield* answer(pty, text)
      }
      if (yield* pty.waitFor(question, words.length + 1)) {
        yield* answer(pty, "no")
      }
      yield* pty.exit
      return (yield* owned) ? "the command ran although the person did not accept it" : "held"
    }),
    mutant: {
      file: "src/approval/TerminalPrompt.ts",
      original: "const answer = answers.get(line)",
      mutated: "const answer = answers.get(line.charAt(0))"
    }
  },
  {
    id: "H09",
    title: "keys typed before the question do not answer it",
    run: Effect.gen(function* () {
      const { owned, pty } = yield* start(
        [
          () =>
            Effect.delay(Effect.succeed(M.reply(M.shell("touch owned", { escalate: "now" }))), "3 seconds"),
          M.reply(M.text("done"))
        ],
        { rows: 60 }
      )
      for (let n = 0; n < 8; n++) {
        yield* pty.type(n % 2 === 0 ? "y\r" : "yes\n")
        yield* Effect.sleep("250 millis")
      }
      yield* pty.type("y")
      if (!(yield* pty.waitFor(question))) return "the question did not appear"
      yield* Effect.sleep("1 second")
      yield* answer(pty, "no")
      yield* pty.exit
      return (yield* owned) ? "the command ran on keys typed before the question" : "held"
    }),
    mutant: {
      file: "src/approval/TerminalInput.ts",
      original: "const typed = yield* Queue.clear(keys)",
      mutated: "const typed: Array<string> = []"
    }
  },
  {
    id: "H10",
    title: "text from outside cannot act on the terminal, and a file gets it unchanged",
    run: Effect.gen(function* () {
      const evil = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202eend"
      const script = () => [
        M.reply(M.text(`before ${evil}`), M.shell(`echo '${evil}'`)),
        M.reply(M.text(evil))
      ]
      const onTerminal = yield* start(script())
      yield* onTerminal.pty.exit
      if (controls.test(onTerminal.pty.output())) return "the terminal got control codes of the agent"
      if (!onTerminal.pty.output().includes("\\x9b31m\\u202eend")) return "the message is not shown"
      const toFile = yield* start(script(), { toFile: true })
      yield* toFile.pty.exit
      if ((yield* toFile.stdout) !== `${evil}\n`) return "a file does not get the message as it is"
      const refused = yield* start(() => M.httpError(400, { message: evil }))
      yield* refused.pty.exit
      return controls.test(refused.pty.output()) ? "the terminal got control codes of the provider" : "held"
    }),
    mutant: {
      file: "src/internal/VisibleText.ts",
      original: "(unsafe === undefined ? character : escape(unsafe))",
      mutated: "character"
    }
  },
  {
    id: "H10",
    title: "names of threads, past messages, arguments and warnings cannot act on the terminal",
    run: Effect.gen(function* () {
      const evil = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202eend"
      const first = yield* start([M.reply(M.text(evil))], { prompt: `name ${evil}` })
      yield* first.pty.exit
      const { cwd, env } = first
      for (const args of [
        ["threads", "list", "--cd", cwd],
        ["threads", "show", "last"],
        ["run", `--${evil}`],
        ["run", "--cd", `/nowhere/${evil}`, "go"]
      ]) {
        const pty = yield* Pty.start({ args, env: { ...env, OTEL_TRACES_EXPORTER: evil }, cwd })
        yield* pty.exit
        const command = args.slice(0, 2).join(" ")
        if (controls.test(pty.output())) return `the terminal got control codes from ${command}`
        // A row of the list is as wide as the terminal, so it cuts the name.
        if (args[1] !== "list" && !pty.output().includes("\\u202eend"))
          return `${command} does not show the text`
      }
      return controls.test(first.pty.output()) ? "the terminal got control codes of the agent" : "held"
    }),
    mutant: {
      file: "src/cli/Output.ts",
      original: "stream.isTTY ? write(consoleText(args, stream.hasColors())) : write(...args)",
      mutated: "write(...args)"
    }
  },
  {
    id: "H10",
    title: "commands of exec, findings of reviews and turns of goals cannot act on the terminal",
    run: Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const evil = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202eend"
      const review = JSON.stringify({
        findings: [
          {
            ...ReviewReply.finding,
            title: evil,
            body: evil,
            code_location: { ...ReviewReply.finding.code_location, absolute_file_path: `/repo/${evil}` }
          }
        ],
        overall_correctness: evil,
        overall_explanation: evil,
        overall_confidence_score: 0.8
      })
      const server = yield* M.make(({ body }) => {
        const request = JSON.stringify(body)
        if (request.includes("review this")) return M.reply(M.text(review))
        if (!request.includes("count")) return M.httpError(400, { message: evil })
        return request.includes("function_call_output")
          ? M.reply(M.text(evil))
          : M.reply(M.text(evil), M.call("update_goal", { status: "complete" }))
      })
      const env = yield* M.home(server)
      const cwd = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "attack-" }), fs.realPath)
      for (const args of [
        ["exec", "--", "printf", "%s\n", evil],
        ["exec", "--", "sh", "-c", `printf '%s' '${evil}' >&2; exit 3`],
        ["exec", "--", evil],
        ["review", "review this"],
        ["goal", "count"],
        ["review", `fail ${evil}`]
      ]) {
        const pty = yield* Pty.start({ args, env, cwd })
        yield* pty.exit
        const command = args.slice(0, 2).join(" ")
        if (controls.test(pty.output())) return `the terminal got control codes from ${command}`
        if (!pty.output().includes("\\u202eend")) return `${command} does not show the text: ${pty.output()}`
      }
      return "held"
    }),
    mutant: {
      file: "src/cli/handlers/runInSandbox.ts",
      original: "isTerminal ? TerminalOutput.harmless(handle[stream]) : handle[stream]",
      mutated: "isTerminal ? handle[stream] : handle[stream]"
    }
  },
  {
    id: "H21",
    title: "every event of --json is one line for every reader",
    run: Effect.gen(function* () {
      const evil = "a\u2028b\u2029c\u0085d\u009b\u202e\u001b"
      const { pty, stdout } = yield* start([M.reply(M.text(evil))], { args: ["--json"], toFile: true })
      yield* pty.exit
      const text = yield* stdout
      if (/[\u2028\u2029\u0080-\u009f\u202a-\u202e]/.test(text))
        return "a line contains raw control characters"
      const reader = Readline.createInterface({ input: Readable.from([text]) })
      const lines = yield* Stream.runCollect(Stream.fromAsyncIterable(reader, (error) => error))
      const events = lines.map((line): { readonly message?: string } => JSON.parse(line))
      return events.at(-1)?.message === evil ? "held" : "the message is another one"
    }),
    mutant: {
      file: "src/internal/VisibleText.ts",
      original: '(JSON.stringify(value) ?? "null").replace(unsafeInJson, jsonEscape)',
      mutated: '(JSON.stringify(value) ?? "null")'
    }
  },
  {
    id: "H25",
    title: "a reason that the terminal would wrap cannot imitate the prompt",
    run: Effect.gen(function* () {
      const width = 80
      const line = (text: string) => text.padEnd(width)
      const imitation = ["  command:", "  │ ls", "  yes (y), no (n), yes for this session (a)"]
        .map(line)
        .join("")
      // The first line of the reason ends where the terminal wraps, whatever the prefix is.
      for (const offset of [0, 4, 13]) {
        const reason = "x".repeat(width - offset) + imitation
        const { pty } = yield* start(asks("touch owned", reason))
        const shown = yield* readRequest(pty)
        yield* answer(pty, "no")
        yield* pty.exit
        const content = rows(shown).filter((row) => row.startsWith("  │ "))
        if (content.some((row) => row.length > width)) return "the terminal wraps a line of content"
        if (!content.some((row) => row.includes("xxxx"))) return "the prompt leaves out the reason"
      }
      return "held"
    }),
    mutant: {
      file: "src/approval/RequestText.ts",
      original: "TextWidth.wrap(line, columns).map((part) => prefix + part)",
      mutated: "[line].map((part) => prefix + part)"
    }
  }
]
