/** Installs the package beside a version of `@opentelemetry/sdk-node`, and reads the trace of a program that has both. */
import { Effect, FileSystem, Path } from "effect"
import manifest from "../../package.json" with { type: "json" }
import * as Collector from "../../test/support/collector.ts"

/** The oldest version that the package supports, and the newest one when it was last checked. */
export const versions = ["0.223.0", "0.301.0"] as const

const secret = "hunter2-of-the-shop"

/** Each span with the span above it. The trace must have exactly these relations. */
const expected: Readonly<Record<string, string>> = {
  "GET /triage": "",
  "codex.thread.start": "GET /triage",
  "invoke_agent codex": "GET /triage",
  "execute_tool lookup": "invoke_agent codex",
  "shop.read": "execute_tool lookup",
  "SELECT tickets": "shop.read"
}

type Run<E, R> = (
  directory: string,
  env: Readonly<Record<string, string>>,
  command: string,
  ...args: ReadonlyArray<string>
) => Effect.Effect<string, E, R>

const findProblem = (spans: ReadonlyArray<Collector.Arrived>, bytes: string): string | undefined => {
  const nameOf = (id: string | undefined) => spans.find(({ spanId }) => spanId === id)?.name ?? ""
  for (const [name, parent] of Object.entries(expected)) {
    const found = spans.filter((span) => span.name === name)
    if (found.length !== 1) return `${found.length} spans ${name}`
    const above = nameOf(found[0]?.parentSpanId)
    if (above !== parent) return `${name} is below "${above}", not "${parent}"`
  }
  if (new Set(spans.map(({ traceId }) => traceId)).size !== 1) return "more than one trace"
  if (bytes.includes(secret)) return "the trace has a secret"
  return bytes.includes("[redacted]") ? undefined : "nothing is redacted"
}

/** Fails unless npm resolves everything, there is one `@opentelemetry/api`, and one redacted trace arrives. */
export const check = Effect.fnUntraced(function* <E, R>(tarball: string, version: string, run: Run<E, R>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-sdk-node-" })
  yield* fs.writeFileString(
    path.join(directory, "package.json"),
    JSON.stringify({ name: "shop", private: true, type: "module" })
  )
  yield* fs.copyFile("scripts/consumer/nodeSdk.mjs", path.join(directory, "main.mjs"))
  const { "@effect/platform-node": platform, effect } = manifest.devDependencies
  const output = yield* run(
    directory,
    {},
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    tarball,
    `effect@${effect}`,
    `@effect/platform-node@${platform}`,
    `@opentelemetry/sdk-node@${version}`
  )
  if (output.includes("ERESOLVE")) return yield* Effect.fail(output)
  const files = yield* fs.readDirectory(path.join(directory, "node_modules"), { recursive: true })
  const apis = files.filter((file) => /(?:^|\/)@opentelemetry\/api\/package\.json$/.test(file))
  if (apis.length !== 1) return yield* Effect.fail(`expected one @opentelemetry/api:\n${apis.join("\n")}`)

  const collector = yield* Collector.make
  yield* run(
    directory,
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
      OTEL_NODE_RESOURCE_DETECTORS: "none",
      SHOP_API_KEY: secret
    },
    "node",
    "main.mjs"
  )
  const problem = findProblem(yield* collector.spans, yield* collector.bytes)
  if (problem !== undefined) return yield* Effect.fail(problem)
}, Effect.scoped)
