import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ConfigFile from "../../../src/telemetry/config/ConfigFile.ts"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import { cpuMillis } from "../../support/growth.ts"

const lines = (count: number, line: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => line(n)).join("\n")
const exporters = (count: number) => `exporters:\n${lines(count, (n) => `  otlp/${n}: {}`)}\n`

describe("H24 a huge otel-config.yaml", () => {
  const cases: Readonly<Record<string, readonly [text: string, warning: RegExp]>> = {
    "20,000 exporters": [exporters(20_000), /larger than 65536 bytes/],
    "4,000 exporters": [exporters(4000), /:102:13: more than 100 exporters: the others are ignored$/],
    "4,000 exporters of an unknown type": [
      exporters(4000).replaceAll("otlp", "x"),
      /more than 100 exporters|not supported/
    ],
    "4,000 aliases": [
      `a: &a {b: c}\nexporters:\n${lines(4000, (n) => `  x${n}: *a`)}\n`,
      /more than 100 aliases/
    ],
    "an alias bomb": [
      `a: &a [${"x,".repeat(20)}]\n${lines(8, (n) => `k${n}: &k${n} [${Array.from({ length: 9 }, () => (n === 0 ? "*a" : `*k${n - 1}`)).join(",")}]`)}\nexporters: *k7\n`,
      /exporters is not a map/
    ],
    "30,000 open brackets": [`exporters: ${"[".repeat(30_000)}`, /nested too deeply/],
    "10,000 open braces": [`exporters: ${"{a: ".repeat(10_000)}`, /nested too deeply/],
    "15,000 compact sequences": ["- ".repeat(15_000), /nested too deeply/],
    "15,000 complex keys": ["? ".repeat(15_000), /nested too deeply/]
  }
  for (const [what, [text, warning]] of Object.entries(cases)) {
    it(`H24 is read quickly or ignored with a warning: ${what}`, () => {
      let warnings: ReadonlyArray<string> = []
      const took = cpuMillis(() => void ({ warnings } = ConfigFile.parse("otel-config.yaml", text, {})))
      assert.isBelow(took, 3000)
      assert.isAtLeast(warnings.length, 1)
      assert.isAtMost(warnings.length, 101)
      assert.match(warnings.at(-1) ?? "", warning)
    })
  }

  it("H24 uses the first 100 exporters", () => {
    const { config } = ConfigFile.parse("otel-config.yaml", exporters(200), {})
    assert.deepStrictEqual(config.exporters.traces, ["otlp"])
  })

  it.live("H24 is ignored if it is a FIFO or larger than the limit", () =>
    Effect.gen(function* () {
      const home = Fs.mkdtempSync(join(tmpdir(), "config-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(home, { recursive: true })))
      const path = join(home, "otel-config.yaml")
      const warning = Effect.gen(function* () {
        const said: Array<string> = []
        const logger = Logger.make<unknown, void>(({ message }) => void said.push(String(message)))
        yield* Layer.build(Layer.fresh(Settings.layer)).pipe(
          Effect.provideService(Settings.Environment, { HOME: "/nonexistent", CODEX_HOME: home }),
          Effect.provide(Logger.layer([logger])),
          Effect.scoped
        )
        return said.join("\n")
      })
      execFileSync("mkfifo", [path])
      assert.include(yield* warning, "cannot be read")
      Fs.rmSync(path)
      Fs.writeFileSync(path, "")
      Fs.truncateSync(path, 1_500_000_000)
      assert.include(yield* warning, "larger than 65536 bytes")
    }).pipe(Effect.scoped)
  )
})
