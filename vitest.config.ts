import { existsSync } from "node:fs"
import { availableParallelism, tmpdir, userInfo } from "node:os"
import { fileURLToPath } from "node:url"
import { configDefaults, defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Workers and the command lines that tests start load the same modules hundreds of times: Node keeps them compiled.
process.env["NODE_COMPILE_CACHE"] ??= source("./node_modules/.cache/node-compile-cache")

// Staged files of tests stay out of the developer's home, and out of the temporary directory, which Codex's sandbox may
// write: a checkout below it uses /var/tmp.
const inTemporaryDirectory = ["/tmp", tmpdir()].some((directory) => source("./").startsWith(`${directory}/`))
process.env["XDG_STATE_HOME"] = inTemporaryDirectory
  ? `/var/tmp/effect-codex-tests-${userInfo().uid}`
  : source("./node_modules/.cache/state")

// Codex reads all certificates of the system for every turn, a third of its CPU time, although the model server of tests has
// no TLS. Its processes get one certificate, whose key exists no more.
process.env["SSL_CERT_FILE"] = source("./test/support/root.pem")

/** Files that measure memory or CPU time, replace a module, or set globals of OpenTelemetry: each has its own process. */
const isolated = [
  "test/testing/simulation/Scale.test.ts",
  "test/engine/app-server/ProtocolFuzz.test.ts",
  "test/redaction/Redaction.test.ts",
  "test/engine/app-server/JsonRpcConnection.test.ts",
  "test/telemetry/tail-sampling/TailSampling.test.ts",
  "test/telemetry/tracer/OpenTelemetryInterop.test.ts",
  "test/telemetry/tracer/UndiciInterop.test.ts",
  "test/attachment/Attachments.test.ts",
  "test/attachment/SourceSwap.test.ts",
  "test/trace/reader/ReaderSoak.test.ts"
]

/** The longest of the other files, the longest first, so that both workers end together. */
const longest = [
  "test/testing/simulation/Simulation.test.ts",
  "test/cli/cli.test.ts",
  "test/testing/Hostile.test.ts",
  "test/cli/threads.test.ts",
  "test/real-codex/Paths.test.ts",
  "test/telemetry/tracer/SpanSchedules.test.ts",
  "test/real-codex/Threads.test.ts",
  "test/engine/app-server/Translate.test.ts",
  "test/telemetry/Exporters.test.ts",
  "test/attachment/SourceRace.test.ts",
  "test/cli/flush.test.ts",
  "test/cli/attachments.test.ts",
  "test/telemetry/native-spans/TurnTiming.test.ts",
  "test/telemetry/native-spans/NativeSpans.test.ts",
  "test/golden-traces/golden-traces.test.ts",
  "test/trace/check/traceCheckCommand.test.ts",
  "test/golden/golden.test.ts",
  "test/docs/telemetryDocs.test.ts",
  "test/real-codex/Failures.test.ts",
  "test/testing/ModelServer.test.ts",
  "test/telemetry/Otlp.test.ts",
  "test/telemetry/spool/SegmentStore.test.ts"
]

const order = [...isolated, ...longest]
for (const file of order)
  if (!existsSync(source(`./${file}`)))
    throw new Error(`vitest.config.ts names ${file}, which does not exist`)

const rank = ({ moduleId }: TestSpecification): number => {
  const index = order.findIndex((file) => moduleId.endsWith(`/${file}`))
  return index < 0 ? order.length : index
}

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return [...files].toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId))
  }
}

const all = ["test/**/*.test.ts", "examples/**/*.test.ts"]

/** Tests that need a database server or a browser, that end whole processes again and again, or that run long: `npm run test:services`. */
const services = ["test/services/**/*.test.ts"]

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-codex\/ai$/, replacement: source("./src/ai/index.ts") },
      { find: /^effect-codex\/durable$/, replacement: source("./src/durable/index.ts") },
      { find: /^effect-codex\/durable\/postgres$/, replacement: source("./src/durable-postgres/index.ts") },
      { find: /^effect-codex\/http$/, replacement: source("./src/http/index.ts") },
      { find: /^effect-codex\/promise$/, replacement: source("./src/promise/index.ts") },
      { find: /^effect-codex\/testing$/, replacement: source("./src/testing/index.ts") },
      { find: /^effect-codex$/, replacement: source("./src/index.ts") }
    ]
  },
  test: {
    // The limit only ends a test that hangs: machines that run other work too may be many times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    // By default vitest leaves one core free. Many tests wait for processes and timers, so two files more than there
    // are cores keep the cores busy.
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: "isolated", include: isolated } },
      // Loading the modules costs most test files more time than their tests, so a worker keeps the modules.
      {
        extends: true,
        test: {
          name: "shared",
          include: all,
          exclude: [...configDefaults.exclude, ...isolated, ...services],
          isolate: false
        }
      },
      { extends: true, test: { name: "services", include: services } }
    ]
  }
})
