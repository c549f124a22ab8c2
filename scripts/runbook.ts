/**
 * Runs the commands of all pages like a reader: each block in its own home directory, against the real Codex with a
 * scripted model and a receiver on loopback. Prints one line per block. Fails if a block does not do what the text says.
 *
 *     node scripts/runbook.ts [LINE]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path, Schedule, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as ModelServer from "../src/testing/ModelServer.ts"
import * as Certificates from "../test/support/certificates.ts"
import * as Blocks from "./runbook/Blocks.ts"
import { pages } from "./runbook/pages.ts"
import * as Receiver from "./runbook/Receiver.ts"
import { parseArguments } from "./scriptArguments.ts"

const bin = fileURLToPath(new URL("../bin/effect-codex.js", import.meta.url))
const { delay, never, reply, shell, text, usage } = ModelServer

/** Plays the model: lists the files, then answers. The prompt "slowly" delays the answer, and "hang" never gets one. */
const model: ModelServer.Respond = ({ lastUserText = "", toolOutputs }) => {
  if (lastUserText.includes("hang")) return reply(text("Let me think.", { deltas: true }), never)
  if (toolOutputs.length === 0) return reply(shell("ls"), usage({ input: 900, output: 20 }))
  const answer = [text("All is well."), usage({ input: 1100, cachedInput: 900, output: 5 })]
  return lastUserText.includes("slowly") ? reply(delay("3 seconds"), ...answer) : reply(...answer)
}

const listen = Effect.fnUntraced(function* (receiver: Blocks.Receiver, home: string) {
  const fs = yield* FileSystem.FileSystem
  if (receiver._tag === "Refused") return { port: yield* Receiver.freePort, received: [] }
  if (receiver._tag !== "Answers" || !receiver.tls) {
    return yield* Receiver.make({ silent: receiver._tag === "Silent" })
  }
  const { path, server } = yield* Certificates.make
  yield* fs.makeDirectory(`${home}/certificates`)
  for (const [from, to] of [
    ["ca.pem", "ca.pem"],
    ["client.pem", "client.crt"],
    ["client.key", "client.key"]
  ] as const) {
    yield* fs.copyFile(path(from), `${home}/certificates/${to}`)
  }
  return yield* Receiver.make({ tls: server })
})

/** Returns the problems of what the receiver got: missing requests, missing headers, unexpected requests. */
const undelivered = (
  { header, receiver }: Blocks.Run,
  received: Receiver.Receiver["received"]
): ReadonlyArray<string> => {
  if (receiver._tag === "Unused") return received.map(({ path }) => `${path} was sent`)
  if (receiver._tag !== "Answers") return []
  const withoutHeader = received.filter(
    ({ headers }) => header !== undefined && headers[header[0]] !== header[1]
  )
  return [
    ...receiver.paths.filter((path) => !received.some((request) => request.path === path)),
    ...withoutHeader.map(({ path }) => `${header?.join(": ")} on ${path}`)
  ].map((what) => `did not arrive: ${what}`)
}

/** Returns the processes whose `HOME` is this directory. Works only on Linux. */
const processes = (home: string): ReadonlyArray<string> =>
  process.platform !== "linux"
    ? []
    : readdirSync("/proc").flatMap((pid) => {
        if (!/^\d+$/.test(pid)) return []
        try {
          const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
          if (!variables.includes(`HOME=${home}`)) return []
          return [`still runs: ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`]
        } catch {
          return []
        }
      })

/** Returns the processes that are still running after two seconds. */
const survivors = (home: string) =>
  Effect.repeat(
    Effect.sync(() => processes(home)),
    { until: (found) => found.length === 0, schedule: Schedule.spaced("100 millis"), times: 20 }
  )

const runBlock = Effect.fnUntraced(function* (run: Blocks.Run) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const server = yield* ModelServer.make(model)
  // The agent may write the temporary directory, so the host must keep no files there.
  const home = yield* ModelServer.home(server, { directory: "/var/tmp" })
  const commands = path.join(home.HOME, "bin")
  const cwd = path.join(home.HOME, "project")
  yield* Effect.forEach([commands, cwd], (directory) => fs.makeDirectory(directory), { discard: true })
  yield* fs.writeFileString(
    path.join(commands, "effect-codex"),
    `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`,
    { mode: 0o755 }
  )
  const { port, received } = yield* listen(run.receiver, home.HOME)
  const prometheus = yield* Receiver.freePort
  const code = run.block.code
    .replaceAll("localhost:4318", `127.0.0.1:${port}`)
    .replaceAll("localhost:9464", `127.0.0.1:${prometheus}`)
  const handle = yield* spawner.spawn(
    ChildProcess.make("sh", ["-e", "-c", `exec 2>&1\n${code}`], {
      cwd,
      env: {
        ...home,
        PATH: `${commands}:${process.env["PATH"] ?? ""}`,
        LANG: "C.UTF-8",
        // Only for blocks that scrape: the reader of another block has not set this variable.
        ...(run.block.code.includes("localhost:9464")
          ? { OTEL_EXPORTER_PROMETHEUS_PORT: String(prometheus) }
          : {}),
        ...Object.fromEntries(run.env)
      },
      extendEnv: false,
      stdin: "ignore"
    })
  )
  const output = (yield* handle.stdout.pipe(Stream.decodeText(), Stream.mkString))
    .replaceAll(`127.0.0.1:${port}`, "localhost:4318")
    .replaceAll(home.HOME, "~")
  const exit = yield* handle.exitCode
  const line = Blocks.missing(run.block.output, output)
  const problems = [
    ...(exit === 0 ? [] : [`exit code ${exit}`]),
    ...(line === undefined ? [] : [`missing in the output: ${line}`]),
    ...undelivered(run, received),
    ...(yield* survivors(home.HOME)),
    ...(yield* server.unexpected)
  ]
  return { problems, output }
}, Effect.scoped)

const installed = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0

/** Runs a block, or skips it, and prints one line with the result. */
const runStep = Effect.fnUntraced(function* (step: Blocks.Run | Blocks.Skip) {
  const { at, heading } = step.block
  const absent = step._tag === "Run" ? step.needs.filter((command) => !installed(command)) : []
  if (step._tag === "Skip" || absent.length > 0) {
    const reason = step._tag === "Skip" ? step.reason : `${absent.join(", ")} is not installed`
    yield* Console.log(`skip  ${at}  ${heading}: ${reason}`)
    return "skip"
  }
  const before = performance.now()
  const { output, problems } = yield* runBlock(step).pipe(
    Effect.timeout("60 seconds"),
    Effect.catch((error) => Effect.succeed({ problems: [error.message], output: "" }))
  )
  const seconds = ((performance.now() - before) / 1000).toFixed(1)
  yield* problems.length === 0
    ? Console.log(`ok    ${at}  ${heading} (${seconds} s)`)
    : Console.error(`FAIL  ${at}  ${heading}: ${problems.join("; ")}\n${output.replaceAll(/^/gm, "      ")}`)
  return problems.length === 0 ? "ok" : "fail"
})

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const steps: Array<Blocks.Run | Blocks.Skip> = []
  const {
    positionals: [only]
  } = parseArguments(
    `Runs the commands of all pages against the real Codex.

Usage: npm run runbook -- [LINE]

  LINE    run only the block that starts at this line`,
    { allowPositionals: true }
  )
  for (const document of yield* pages) {
    for (const block of Blocks.parse(document, yield* fs.readFileString(document))) {
      const step = yield* Effect.fromResult(Blocks.classify(block))
      if (step !== undefined && (only === undefined || block.at.endsWith(`:${only}`))) steps.push(step)
    }
  }
  const results = yield* Effect.forEach(steps, runStep, { concurrency: 2 })
  const count = (outcome: "ok" | "skip" | "fail") => results.filter((result) => result === outcome).length
  yield* Console.log(`${count("ok")} blocks passed, ${count("fail")} failed, ${count("skip")} skipped`)
  if (count("fail") > 0 || count("ok") === 0)
    return yield* Effect.fail("a block of the runbook does not do what the text says")
})

program.pipe(Effect.timeout("10 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
