/**
 * Checks that telemetry never changes a result and never delays it: runs every engine with every exporter against every
 * fault of a receiver, each combination (a cell) in its own process. Prints a table; exits with 1 if a cell fails.
 *
 *     node scripts/telemetryMatrix.ts [--engine scripted|codex] [--exporter NAME] [--fault NAME]... [--limit MILLISECONDS]
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { availableParallelism, tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import { parseArguments } from "./scriptArguments.ts"

const { values: options } = parseArguments(
  `Runs every engine with every exporter against every fault of a receiver. Exits with 1 if a combination fails.

Usage: npm run telemetry:matrix -- [options]

  --engine scripted|codex
  --exporter NAME
  --fault NAME            may be given several times
  --limit MILLISECONDS    the maximum delay of a program's end; default: 2000`,
  {
    options: {
      engine: { type: "string" },
      exporter: { type: "string" },
      fault: { type: "string", multiple: true },
      limit: { type: "string", default: "2000" }
    }
  }
)

/** The span and the metric that every exporter must deliver. */
const spanName = "invoke_agent codex"
const metricName = "gen_ai_invoke_agent_duration"

interface Fault {
  readonly name: string
  /** Answers a request. Without it nothing listens at the address. */
  readonly answer?: (response: ServerResponse, at: number, contentType: string) => void
  /** Whether all telemetry arrives in spite of the fault. */
  readonly arrives?: boolean
}

const ok = (response: ServerResponse) => void response.writeHead(200).end()
const status = (code: number, headers: Readonly<Record<string, string>> = {}) => ({
  answer: (response: ServerResponse) => void response.writeHead(code, headers).end("no")
})

/** A partial success that rejects one span, in both encodings. */
const partial = {
  json: `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}`,
  protobuf: Buffer.from([0x0a, 0x02, 0x08, 0x01])
}

const faults: ReadonlyArray<Fault> = [
  { name: "none", answer: ok, arrives: true },
  { name: "slow", answer: (response) => void setTimeout(() => ok(response), 600), arrives: true },
  { name: "down" },
  { name: "hangs", answer: () => {} },
  { name: "refuses", answer: (response) => void response.destroy() },
  {
    name: "cut off",
    answer: (response) => {
      response.writeHead(500, { "content-length": "1000" }).write("{")
      setTimeout(() => response.destroy(), 50)
    }
  },
  {
    name: "drips",
    answer: (response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(" "), 100)
      response.on("close", () => clearInterval(timer))
    }
  },
  { name: "400", ...status(400) },
  { name: "401", ...status(401) },
  {
    name: "429 once",
    answer: (response, at) => (at <= 3 ? status(429, { "retry-after": "0" }).answer(response) : ok(response)),
    arrives: true
  },
  { name: "429", ...status(429, { "retry-after": "60" }) },
  {
    name: "partial",
    answer: (response, _, contentType) =>
      void response
        .writeHead(200, { "content-type": contentType })
        .end(contentType === "application/json" ? partial.json : partial.protobuf)
  },
  { name: "500", ...status(500) },
  { name: "503", ...status(503) }
]

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Cell {
  readonly engine: string
  readonly exporter: string
  readonly fault: string
  readonly run: () => Promise<string | undefined>
}

const engines = ["scripted", "codex"].filter(
  (name) => options.engine === undefined || options.engine === name
)
const home = mkdtempSync(`${tmpdir()}/effect-codex-matrix-`)
const limit = Number(options.limit)
const program = fileURLToPath(new URL("telemetryCell.ts", import.meta.url))

const runCell = (engine: string, env: Readonly<Record<string, string>>, blind = false) =>
  new Promise<Run>((resolve) => {
    const child = spawn(process.execPath, ["--no-warnings", program, engine], {
      env: { PATH: process.env["PATH"], HOME: home, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const output = { stdout: "", stderr: "" }
    child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
    if (blind) child.stderr.destroy()
    else child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
    const timer = setTimeout(() => child.kill("SIGKILL"), 30_000)
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve({ ...output, code })
    })
  })

/** The runs without telemetry, by engine. */
const baselines = new Map<string, Promise<Run>>()
const baseline = (engine: string): Promise<Run> => {
  const known = baselines.get(engine) ?? runCell(engine, {})
  baselines.set(engine, known)
  return known
}

/** Returns how a run differs from the run without telemetry, or nothing if it does not. */
const compare = async (engine: string, run: Run, blind = false): Promise<string | undefined> => {
  const expected = await baseline(engine)
  if (!expected.stdout.includes("It works.")) return `does not work without telemetry: ${expected.stderr}`
  if (run.code !== expected.code) return `exit code ${run.code} instead of ${expected.code}`
  if (run.stdout !== expected.stdout)
    return `result ${run.stdout.trim()} instead of ${expected.stdout.trim()}`
  const delay = Number(/^held (\d+)$/m.exec(run.stderr)?.[1] ?? (blind ? 0 : NaN))
  return delay <= limit ? undefined : `delayed by ${delay} ms`
}

const lossLines = (run: Run) => run.stderr.match(/^Telemetry was lost: /gm)?.length ?? 0

/** A loss is logged once, and what is lost afterwards is logged once more when the program ends. */
const wrongLossLines = (run: Run): string | undefined => {
  const lines = lossLines(run)
  return lines === 1 || lines === 2 ? undefined : `the loss was logged ${lines} times`
}

const otlp = (exporter: string, extra: Readonly<Record<string, string>>): ReadonlyArray<Cell> =>
  engines.flatMap((engine) =>
    faults.map((fault) => ({
      engine,
      exporter,
      fault: fault.name,
      run: async () => {
        const bodies: Array<Buffer> = []
        let requests = 0
        const server = createServer((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("error", () => {})
          request.on("end", () => {
            const body = Buffer.concat(chunks)
            bodies.push(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body)
            fault.answer?.(response, ++requests, request.headers["content-type"] ?? "")
          })
        })
        const port = await new Promise<number>((resolve) =>
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))
        )
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        if (fault.answer === undefined) close()
        const run = await runCell(engine, {
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
          ...extra
        })
        close()
        const problem = await compare(engine, run)
        if (problem !== undefined) return problem
        const arrived = Buffer.concat(bodies).toString("latin1").includes(spanName)
        if (fault.answer !== undefined && !arrived) return "the turn was not sent"
        if (fault.arrives === true)
          return lossLines(run) === 0 ? undefined : "a loss was logged although nothing was lost"
        return wrongLossLines(run)
      }
    }))
  )

const others = (engine: string): ReadonlyArray<Cell> => {
  const directory = `${home}/${engine}`
  mkdirSync(directory, { recursive: true })
  const file = (
    name: string,
    fault: string,
    wrong: (run: Run, path: string) => string | undefined
  ): Cell => ({
    engine,
    exporter: "file",
    fault,
    run: async () => {
      const home = `${directory}/${name}`
      mkdirSync(`${home}/.codex/telemetry${fault === "none" ? "" : "/codex-traces.json"}`, {
        recursive: true
      })
      const run = await runCell(engine, { HOME: home, CODEX_OTEL_EXPORTER: "file" })
      return (await compare(engine, run)) ?? wrong(run, `${home}/.codex/telemetry/codex-traces.json`)
    }
  })
  const console = (fault: string, blind: boolean): Cell => ({
    engine,
    exporter: "console",
    fault,
    run: async () => {
      const run = await runCell(engine, { CODEX_OTEL_EXPORTER: "console" }, blind)
      const problem = await compare(engine, run, blind)
      return problem ?? (blind || run.stderr.includes(spanName) ? undefined : "no span on stderr")
    }
  })
  const prometheus = (fault: string): Cell => ({
    engine,
    exporter: "prometheus",
    fault,
    run: async () => {
      const taken = createServer((_, response) => void response.end("another server"))
      const port = await new Promise<number>((resolve) =>
        taken.listen(0, "127.0.0.1", () => resolve((taken.address() as AddressInfo).port))
      )
      if (fault === "none") await new Promise((resolve) => taken.close(resolve))
      const run = await runCell(engine, {
        CODEX_OTEL_EXPORTER: "prometheus",
        OTEL_EXPORTER_PROMETHEUS_PORT: String(port)
      })
      taken.close()
      const problem = await compare(engine, run)
      if (problem !== undefined) return problem
      if (fault === "none") return run.stderr.includes(metricName) ? undefined : "no metrics to scrape"
      return run.stderr.includes("is in use by something else")
        ? undefined
        : "no warning about the taken port"
    }
  })
  return [
    file("ok", "none", (_, path) =>
      existsSync(path) && readFileSync(path, "utf8").includes(spanName) ? undefined : "no span in the file"
    ),
    file("directory", "no file", wrongLossLines),
    console("none", false),
    console("no reader", true),
    prometheus("none"),
    prometheus("port taken")
  ]
}

const cells = [
  ...otlp("json", {}),
  ...otlp("protobuf", { OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }),
  ...otlp("gzip json", { OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" }),
  ...engines.flatMap(others)
].filter(
  ({ exporter, fault }) =>
    (options.exporter === undefined || options.exporter === exporter) &&
    (options.fault === undefined || options.fault.includes(fault))
)

const results = new Map<Cell, string | undefined>()
const queue = [...cells]
const worker = async () => {
  for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) results.set(cell, await cell.run())
}
const before = performance.now()
// Cells mostly wait, so run more of them than there are processors.
await Promise.all(Array.from({ length: availableParallelism() * 2 }, worker))
rmSync(home, { recursive: true, force: true })

const rows = new Map<string, Map<string, string>>()
const columns = engines.flatMap((engine) => [
  ...new Set(cells.map(({ exporter }) => `${engine} ${exporter}`))
])
for (const { fault } of cells) rows.set(fault, rows.get(fault) ?? new Map())
for (const [cell, wrong] of results) {
  rows.get(cell.fault)?.set(`${cell.engine} ${cell.exporter}`, wrong === undefined ? "ok" : "FAIL")
}
const width = Math.max(...[...rows.keys()].map((name) => name.length))
process.stdout.write(`${"".padEnd(width)}  ${columns.join("  ")}\n`)
for (const [fault, row] of rows) {
  const line = columns.map((column) => (row.get(column) ?? "").padEnd(column.length)).join("  ")
  process.stdout.write(`${fault.padEnd(width)}  ${line.trimEnd()}\n`)
}
const failed = [...results].flatMap(([{ engine, exporter, fault }, wrong]) =>
  wrong === undefined ? [] : [`${engine}, ${exporter}, ${fault}: ${wrong}`]
)
const seconds = ((performance.now() - before) / 1000).toFixed(1)
process.stdout.write(`\n${cells.length - failed.length} of ${cells.length} cells passed in ${seconds} s\n`)
for (const line of failed) process.stdout.write(`${line}\n`)
if (failed.length > 0 || cells.length === 0) process.exitCode = 1
