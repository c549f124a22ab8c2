/** Attacks of other programs on this machine: planted files, web pages that reach loopback, huge settings. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"
import * as ConfigFile from "../../src/telemetry/config/ConfigFile.ts"
import * as SegmentStore from "../../src/telemetry/spool/SegmentStore.ts"
import * as SpoolDirectory from "../../src/telemetry/spool/SpoolDirectory.ts"
import * as CassetteFile from "../../src/testing/cassette/CassetteFile.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as RawRequest from "../../test/support/rawRequest.ts"
import type { Attack } from "./Attack.ts"

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "attack-" }), fs.realPath)
)

export const local: ReadonlyArray<Attack> = [
  {
    id: "H18",
    title: "a huge or strange file in a spool is neither read nor waited for",
    run: Effect.gen(function* () {
      const directory = yield* folder
      const planted = `${directory}/traces/${SpoolDirectory.freeName()}`
      Fs.mkdirSync(planted, { recursive: true, mode: 0o700 })
      execFileSync("mkfifo", [`${planted}/1.seg`])
      Fs.writeFileSync(`${planted}/2.seg`, "")
      Fs.truncateSync(`${planted}/2.seg`, 400_000_000)
      const owner = yield* ProcessIdentity.self
      const options = {
        directory,
        signal: "traces",
        owner,
        maxBytes: 1e6,
        maxAge: 1e9,
        now: Date.now
      } as const
      const store = new SegmentStore.SegmentStore({ ...options, lost: () => {} })
      const before = process.memoryUsage().arrayBuffers
      const found = yield* SpoolDirectory.list(`${directory}/traces`, owner, Date.now())
      for (const each of found.filter(({ gone }) => gone)) yield* Effect.promise(() => store.adopt(each))
      const grown = process.memoryUsage().arrayBuffers - before
      store.close()
      return grown < 100_000_000 ? "held" : `the host read ${grown} bytes`
    }),
    mutant: {
      file: "src/internal/SafeFile.ts",
      original: "checks.maxBytes !== undefined && stats.size > checks.maxBytes",
      mutated: "false"
    }
  },
  {
    id: "H23",
    title: "a web page under another name gets no answer from a server on loopback",
    run: Effect.gen(function* () {
      const server = yield* M.make([M.reply(M.text("secret"))])
      const lines = ["POST /v1/responses HTTP/1.1", "Host: evil.example", "Content-Length: 2"]
      const status = yield* RawRequest.status(Number(new URL(server.url).port), lines, "{}")
      return status === "421" ? "held" : `the page got status ${status}`
    }),
    mutant: {
      file: "src/internal/HostHeader.ts",
      original: "if (name === undefined) return false",
      mutated: "return true"
    }
  },
  {
    id: "H24",
    title: "a recording is not written through a link, and a huge settings file does not delay the start",
    run: Effect.gen(function* () {
      const directory = yield* folder
      Fs.writeFileSync(`${directory}/outside`, "theirs")
      Fs.symlinkSync(`${directory}/outside`, `${directory}/a.jsonl`)
      const writer = yield* CassetteFile.make(`${directory}/a.jsonl`, "warn")
      yield* writer.write(() => ["ours"])
      if (Fs.readFileSync(`${directory}/outside`, "utf8") !== "theirs")
        return "the recording followed the link"
      const exporters = Array.from({ length: 20_000 }, (_, n) => `  otlp/${n}: {}`).join("\n")
      const before = performance.now()
      ConfigFile.parse("otel-config.yaml", `exporters:\n${exporters}`, {})
      const took = performance.now() - before
      return took < 2000 ? "held" : `the settings took ${Math.round(took)} ms`
    }),
    mutant: {
      file: "src/testing/cassette/CassetteFile.ts",
      original: 'SafeFile.open(path, "replace")',
      mutated: 'Fs.openSync(path, "w", 0o600)'
    }
  }
]
