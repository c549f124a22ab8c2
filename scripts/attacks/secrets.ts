/** Attacks on secrets: what an agent, its commands and its errors bring into telemetry, files and the agent's own commands. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { Codex, CodexError, File, Redaction } from "../../src/index.ts"
import { Captured, Scripted } from "../../src/testing/index.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Fresh from "../../test/support/secretCorpus/Fresh.ts"
import * as Real from "../../test/support/realEngine.ts"
import type { Attack } from "./Attack.ts"

const fresh = Fresh.make(Date.now() % 1_000_000, "attack")
const canary = `kn${fresh.alnum(20)}`
const token = `sk-${fresh.alnum(24)}`

const runTurn = (steps: ReadonlyArray<Scripted.ScriptedStep>) =>
  Effect.gen(function* () {
    yield* Scripted.play(steps)
    const codex = yield* Codex
    const thread = yield* codex.startThread({})
    yield* Effect.exit(thread.run("go"))
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(Codex.layer).pipe(Layer.provideMerge(Layer.fresh(Scripted.layer))))
  )

/** The ways to write a secret that redaction once missed. */
const missed = (secret: string): ReadonlyArray<unknown> => [
  { name: "DB_PASSWORD", value: secret },
  [["authorization", `ApiKey ${secret}`]],
  ["psql", "--password", secret],
  ["mysql", "-h", "db", `-p${secret}`],
  `Authorization: Bot ${secret}`,
  `password     :      ${secret}`,
  `password: |\n  ${secret}\n`,
  `<password>${secret}</password>`,
  `machine example.com login ada password ${secret}`,
  `curl -u ada:${secret} https://example.com`,
  `sshpass -p ${secret} ssh host`,
  `docker login -u ci -p ${secret} example.com`,
  `MYSQLPASS: ${secret}`,
  `val password: String = "${secret}"`
]

export const secrets: ReadonlyArray<Attack> = [
  {
    id: "H15",
    title: "a command brings no part of itself into telemetry when content capture is off",
    run: Effect.gen(function* () {
      yield* runTurn([
        Scripted.command(`X=\`echo ${canary} | tr a b\` psql`, { output: canary, exitCode: 1 }),
        Scripted.command(`${canary}=1 $(${canary})`, { exitCode: 1 }),
        Scripted.completed
      ])
      const spans = JSON.stringify(yield* Captured.spans)
      if (!spans.includes("exec_command")) return "the turn has no span"
      return spans.includes(canary) ? "a span holds a part of the command" : "held"
    }).pipe(Effect.provide(Captured.layer)),
    mutant: {
      file: "src/internal/ShellCommand.ts",
      original: "substitution.test(source) ? undefined : words(source)",
      mutated: "words(source)"
    }
  },
  {
    id: "H16",
    title: "a secret is masked in each of the forms that redaction once missed",
    run: Effect.sync(() => {
      const secret = fresh.password()
      const redaction = Redaction.make({}, {})
      const left = missed(secret).filter(
        (form) =>
          JSON.stringify(redaction.value(form)).includes(secret) ||
          redaction.text(typeof form === "string" ? form : JSON.stringify(form)).includes(secret)
      )
      return left.length === 0 ? "held" : `the secret is left in ${JSON.stringify(left[0])}`
    }),
    mutant: {
      file: "src/redaction/NamedValues.ts",
      original: "if (argument !== undefined) return argument",
      mutated: ""
    }
  },
  {
    id: "H17",
    title: "commands of the real Codex do not see the keys of its host",
    run: Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.shell("printenv; echo ended")), M.reply(M.text("done"))])
      Object.assign(real.env, {
        OPENAI_API_KEY: canary,
        OPENAI_ADMIN_KEY: canary,
        CODEX_API_KEY: canary,
        AZURE_OPENAI_API_KEY: canary,
        HTTPS_PROXY: `http://ada:${canary}@127.0.0.1:9`,
        NO_PROXY: "127.0.0.1"
      })
      yield* Effect.flatMap(real.start(), (thread) => Stream.runDrain(thread.stream("go"))).pipe(
        Effect.provide(real.layer)
      )
      const output = (yield* real.server.requests)[1]?.toolOutputs[0]?.output ?? ""
      if (!output.includes("ended")) return `the command did not run: ${output}`
      return output.includes(canary) ? "a command saw a key" : "held"
    }),
    mutant: {
      file: "src/engine/app-server/CommandEnvironment.ts",
      original: '"AZURE_*"',
      mutated: '"AZURE_X"'
    }
  },
  {
    id: "H21",
    title: "a span is one line of the telemetry file for every reader",
    run: Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({ prefix: "attack-" })
      const evil = "a\u2028b\u2029c\u0085d\u009b\u202e"
      yield* Effect.void.pipe(
        Effect.withSpan(evil, { attributes: { evil } }),
        Effect.provide(File.layer({ path: `${directory}/traces.json`, signals: ["traces"] }))
      )
      const text = yield* fs.readFileString(`${directory}/traces.json`)
      if (!text.includes("\\u2028b\\u2029c")) return "the file has no span"
      return /[\u2028\u2029\u0080-\u009f\u202a-\u202e]/.test(text)
        ? "the file has raw control characters"
        : "held"
    }),
    mutant: {
      file: "src/telemetry/delivery/OtlpSerializers.ts",
      original: "? bytes : escapeJsonBytes(bytes)",
      mutated: "? bytes : bytes"
    }
  },
  {
    id: "D04",
    title: "a tracer that is not the library's gets no token of a command or an error",
    run: Effect.gen(function* () {
      const ended: Array<unknown> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          const end = span.end.bind(span)
          span.end = (time, exit) => {
            ended.push([
              options.name,
              [...span.attributes],
              span.events.map(([name, , all]) => [name, all]),
              exit
            ])
            end(time, exit)
          }
          return span
        }
      })
      yield* runTurn([
        Scripted.command(`deploy --token ${token}`, { exitCode: 1 }),
        Scripted.failed(new CodexError.TurnFailed({ reason: "ServerError", detail: token, status: 500 }))
      ]).pipe(Effect.withTracer(tracer))
      const text = JSON.stringify(ended, (_, value) =>
        value instanceof Error ? `${value.name} ${value.message} ${value.stack}` : value
      )
      if (!text.includes("invoke_agent")) return "the tracer got no span"
      return text.includes(token) ? "a span holds the token" : "held"
    }),
    mutant: {
      file: "src/instrumentation/SafeSpan.ts",
      original: "end.call(span, endTime, safeExit(exit, scrub))",
      mutated: "end.call(span, endTime, exit)"
    }
  }
]
