/** A clean project of a user that has the package and an OpenTelemetry SDK, and the trace that it must produce. */
import { Effect, FileSystem, Path } from "effect"
import manifest from "../../package.json" with { type: "json" }

/** A span as any receiver has it. */
export interface SeenSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
}

/** The value of SHOP_API_KEY, which the program puts into an attribute. */
export const secret = "hunter2-of-the-shop"

/** Each span with the span above it. */
const expected: Readonly<Record<string, string>> = {
  "GET /triage": "",
  "codex.thread.start": "GET /triage",
  "invoke_agent codex": "GET /triage",
  "execute_tool lookup": "invoke_agent codex",
  "shop.read": "execute_tool lookup",
  "SELECT tickets": "shop.read"
}

/** Fails unless the spans are one trace with these relations, and `bytes`, as they arrived, have a masked secret. */
export const checkTrace = (
  spans: ReadonlyArray<SeenSpan>,
  bytes: string,
  relations: Readonly<Record<string, string>> = expected
): Effect.Effect<void, string> => {
  const nameOf = (id: string | undefined) => spans.find(({ spanId }) => spanId === id)?.name ?? ""
  for (const [name, parent] of Object.entries(relations)) {
    const found = spans.filter((span) => span.name === name)
    if (found.length !== 1) return Effect.fail(`${found.length} spans ${name}`)
    const above = nameOf(found[0]?.parentSpanId)
    if (above !== parent) return Effect.fail(`${name} is below "${above}", not "${parent}"`)
  }
  if (new Set(spans.map(({ traceId }) => traceId)).size !== 1) return Effect.fail("more than one trace")
  if (bytes.includes(secret)) return Effect.fail("the trace has a secret")
  return bytes.includes("[redacted]") ? Effect.void : Effect.fail("nothing is redacted")
}

/** Runs a command in a directory. */
export type Run<E, R> = (
  directory: string,
  env: Readonly<Record<string, string>>,
  command: string,
  ...args: ReadonlyArray<string>
) => Effect.Effect<string, E, R>

/**
 * Installs the package with other packages, and copies a program of this directory. Fails if npm overrides a requirement,
 * or if there is more than one `@opentelemetry/api`. Returns the directory of the project.
 */
export const make = Effect.fnUntraced(function* <E, R>(
  tarball: string,
  packages: ReadonlyArray<string>,
  program: string,
  run: Run<E, R>
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-host-" })
  yield* fs.writeFileString(
    path.join(directory, "package.json"),
    JSON.stringify({ name: "shop", private: true, type: "module" })
  )
  for (const file of ["turn.mjs", program])
    yield* fs.copyFile(path.join("scripts", "consumer", file), path.join(directory, file))
  const { "@effect/platform-node": platform, effect } = manifest.devDependencies
  const shared = ["--no-audit", "--no-fund", "--prefer-offline", tarball]
  const pinned = [`effect@${effect}`, `@effect/platform-node@${platform}`]
  const output = yield* run(directory, {}, "npm", "install", ...shared, ...pinned, ...packages)
  if (output.includes("ERESOLVE")) return yield* Effect.fail(output)
  const files = yield* fs.readDirectory(path.join(directory, "node_modules"), { recursive: true })
  const apis = files.filter((file) => /(?:^|\/)@opentelemetry\/api\/package\.json$/.test(file))
  if (apis.length !== 1) return yield* Effect.fail(`expected one @opentelemetry/api:\n${apis.join("\n")}`)
  return directory
})
