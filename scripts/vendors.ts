/**
 * Checks the guide for Sentry and Datadog: installs each beside the packed package in a clean project, runs a turn, and
 * reads the trace that its SDK sends. On demand, because the SDKs are large: `npm run vendors`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path } from "effect"
import manifest from "../package.json" with { type: "json" }
import * as HostProject from "./consumer/HostProject.ts"
import * as Intake from "./consumer/intake.ts"
import { sh } from "./consumer/shell.ts"

interface Vendor {
  readonly packages: ReadonlyArray<string>
  readonly program: string
  readonly env: (port: number) => Readonly<Record<string, string>>
  readonly spans: (received: ReadonlyArray<Intake.Received>) => ReadonlyArray<HostProject.SeenSpan>
}

/** The packages of SDK 2, as docs/support.md lists them. */
const sdk2 = [
  "@opentelemetry/api@~1.9",
  ...["sdk-trace", "sdk-metrics", "resources", "core", "context-async-hooks"].map(
    (name) => `@opentelemetry/${name}@^2.12`
  ),
  ...["sdk-logs", "otlp-transformer", "exporter-prometheus"].map((name) => `@opentelemetry/${name}@^0.223`)
]

const vendors: Readonly<Record<string, Vendor>> = {
  sentry: {
    packages: ["@sentry/node@11.12.0"],
    program: "sentry.mjs",
    env: (port) => ({ SENTRY_DSN: `http://key@127.0.0.1:${port}/1` }),
    spans: Intake.sentrySpans
  },
  datadog: {
    packages: ["dd-trace@6.21.0", ...sdk2],
    program: "datadog.mjs",
    env: (port) => ({
      DD_TRACE_AGENT_URL: `http://127.0.0.1:${port}`,
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
      DD_REMOTE_CONFIGURATION_ENABLED: "false"
    }),
    spans: Intake.datadogSpans
  }
}

const check = Effect.fnUntraced(function* (tarball: string, name: string, vendor: Vendor) {
  const directory = yield* HostProject.make(tarball, vendor.packages, vendor.program, sh)
  const { port, received } = yield* Intake.make
  const env = { ...vendor.env(port), SHOP_API_KEY: HostProject.secret }
  yield* sh(directory, env, "node", vendor.program)
  const bytes = received.map(({ body }) => body.toString("latin1")).join("\n")
  yield* HostProject.checkTrace(vendor.spans(received), bytes)
  yield* Console.log(`ok    ${name}: one redacted trace`)
}, Effect.scoped)

Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-vendors-" })
  yield* sh(".", {}, "npm", "pack", "--pack-destination", folder)
  const tarball = path.join(folder, `effect-codex-${manifest.version}.tgz`)
  for (const [name, vendor] of Object.entries(vendors)) yield* check(tarball, name, vendor)
}).pipe(Effect.scoped, Effect.timeout("10 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
