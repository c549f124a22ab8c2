/**
 * Homes in which the databases of Codex exist. In an empty home, Codex creates five databases and applies some 70 migrations,
 * which is a third of the CPU time of its start.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as CodexConfig from "../../src/testing/model-server/codexConfig.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CachedDirectory from "./cachedDirectory.ts"
import * as RealCodex from "./realCodex.ts"

const initialize = {
  id: 1,
  method: "initialize",
  params: { clientInfo: { name: "effect-codex-tests", title: "tests", version: "0" } }
}

const databasesOf = (home: string) => readdirSync(home).filter((name) => name.endsWith(".sqlite"))

/** Passes lines to Codex and back, and closes its input after its reply: before, Codex may exit without one. */
const untilReply = `
  const [command, ...args] = process.argv.slice(1)
  const codex = require("node:child_process").spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
  process.stdin.pipe(codex.stdin, { end: false })
  let replies = ""
  codex.stdout.on("data", (chunk) => {
    process.stdout.write(chunk)
    replies += chunk
    if (replies.includes('"id":${initialize.id}')) codex.stdin.end()
  })
`

/** Starts Codex in an empty home, and writes its databases to a directory, without threads and without a log. */
const build = (directory: string): void => {
  const home = mkdtempSync(join(directory, "home-"))
  writeFileSync(join(home, "config.toml"), CodexConfig.file("http://127.0.0.1:9", ""))
  const { stderr, stdout } = spawnSync(
    process.execPath,
    ["--eval", untilReply, RealCodex.command, ...RealCodex.launcherArgs, "app-server"],
    {
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        CODEX_HOME: home,
        TMPDIR: home,
        ...ModelServer.environment
      },
      input: `${JSON.stringify(initialize)}\n`,
      encoding: "utf8"
    }
  )
  if (!stdout.includes(`"id":${initialize.id}`))
    throw new Error(`Codex does not start in an empty home: ${stderr}`)
  for (const name of databasesOf(home)) {
    // Codex exits without closing its databases: the log has what the file lacks.
    const database = new DatabaseSync(join(home, name))
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    copyFileSync(join(home, name), join(directory, name))
  }
  rmSync(home, { recursive: true })
}

let databases: string | undefined

/** Makes a home as `ModelServer.home` does, with empty databases in it. */
export const make = (
  server: ModelServer.ModelServer["Service"],
  options?: Parameters<typeof ModelServer.home>[1]
) =>
  Effect.tap(ModelServer.home(server, options), ({ CODEX_HOME }) =>
    Effect.sync(() => {
      databases ??= CachedDirectory.findOrBuild("codex-databases", RealCodex.hash(), build)
      for (const name of readdirSync(databases)) copyFileSync(join(databases, name), join(CODEX_HOME, name))
    })
  )
