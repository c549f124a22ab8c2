/** `effect-codex doctor` names each trouble and its remedy. The Codex is the real one, except where its absence is the trouble. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import { readFileSync } from "node:fs"
import * as CodexChecks from "../../src/cli/doctor/CodexChecks.ts"
import * as DoctorReport from "../../src/cli/doctor/DoctorReport.ts"
import * as MachineChecks from "../../src/cli/doctor/MachineChecks.ts"
import * as TelemetryChecks from "../../src/cli/doctor/TelemetryChecks.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as Result from "effect/Result"
import * as CodexBinary from "../../src/engine/app-server/CodexBinary.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../support/commandLine.ts"
import { test, until } from "../support/live.ts"
import * as Pty from "../support/pty.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(DoctorReport.DoctorReport))

/** A home without a login, in a directory that no sandbox of a test lets the agent write. */
const emptyHome = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const HOME = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "effect-codex-doctor-" })
  const CODEX_HOME = `${HOME}/.codex`
  yield* fs.makeDirectory(CODEX_HOME, { mode: 0o700 })
  return { HOME, CODEX_HOME, XDG_STATE_HOME: `${HOME}/state`, TMPDIR: HOME }
})

const diagnose = (env: Readonly<Record<string, string | undefined>>, ...args: ReadonlyArray<string>) =>
  Effect.map(CommandLine.runHere({ args: ["doctor", "--json", ...args], env }), (ran) => {
    const report = decode(ran.stdout)
    assert.strictEqual(report.ok, ran.code === 0)
    assert.include([0, 1], ran.code)
    return {
      code: ran.code,
      report,
      text: ran.stdout + ran.stderr,
      of: (name: string) => report.checks.filter((check) => check.name === name)
    }
  })

/** A program in the place of Codex. */
const program = Effect.fnUntraced(function* (directory: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(`${directory}/codex`, text, { mode: 0o755 })
  return `${directory}/codex`
})

/** A collector that answers each request with a status and keeps the requests. */
const collector = Effect.fnUntraced(function* (status: number) {
  const requests: Array<{ readonly path: string; readonly key: unknown; readonly body: string }> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (text: string) => void (body += text))
        request.on("end", () => {
          requests.push({ path: request.url ?? "", key: request.headers["x-key"], body })
          response.writeHead(status).end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => void server.close())
  )
  const address = server.address()
  return { requests, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
})

describe("effect-codex doctor", () => {
  test("finds nothing wrong where turns run, and shows no secret", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([])
      const home = yield* ModelServer.home(server, { directory: "/var/tmp" })
      const { requests, url } = yield* collector(200)
      const env = {
        ...home,
        MOCK_API_KEY: "sk-hidden-1",
        XDG_STATE_HOME: `${home.HOME}/state`,
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_HEADERS: "x-key=hidden-2",
        CODEX_OTLP_ENABLE: "1"
      }
      const found = yield* diagnose(env)
      assert.deepStrictEqual(
        found.report.checks.map(({ name, status }) => `${name} ${status}`),
        [
          "node",
          "codex",
          "home",
          "config",
          "login",
          "sandbox",
          "telemetry",
          "collector",
          "state",
          "disk"
        ].map((name) => `${name} ok`),
        found.text
      )
      assert.include(found.of("codex")[0]?.message, `codex ${CodexBinary.oldest} at `)
      assert.include(found.of("login")[0]?.message, "MOCK_API_KEY, which is set")
      assert.notInclude(found.text, "hidden")
      assert.sameDeepMembers(
        requests,
        ["traces", "metrics", "logs"].map((signal) => ({
          path: `/v1/${signal}`,
          key: "hidden-2",
          body: "{}"
        }))
      )
      assert.deepStrictEqual(yield* server.requests, [])
    }))

  test("names what is missing on a new machine: the login; and a broken YAML file and a collector", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* emptyHome
      yield* fs.writeFileString(`${home.CODEX_HOME}/otel-config.yaml`, "exporter:\n  - [a\n")
      const found = yield* diagnose({
        ...home,
        CODEX_OTLP_ENABLE: "1",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9"
      })
      assert.deepStrictEqual(
        found.report.checks.flatMap(({ name, status }) => (status === "ok" ? [] : [`${name} ${status}`])),
        ["login problem", "telemetry problem", "collector problem"]
      )
      assert.deepStrictEqual(found.of("login")[0], {
        name: "login",
        status: "problem",
        message: "Codex is not logged in",
        nextStep: "run `codex login`, or pipe an API key to `codex login --with-api-key`"
      })
      assert.match(found.of("telemetry")[0]?.message ?? "", /otel-config\.yaml:3:1: not YAML/)
      assert.include(found.of("telemetry")[0]?.nextStep, "correct the file at this line")
      assert.deepStrictEqual(found.of("collector"), [
        {
          name: "collector",
          status: "problem",
          message:
            "the collector at http://127.0.0.1:9 cannot be reached (ECONNREFUSED), so telemetry is lost: traces, metrics, logs",
          nextStep:
            "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, the proxy or the certificates"
        }
      ])
    }))

  test("prints Codex's own reason for a broken config.toml", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* emptyHome
      yield* fs.writeFileString(`${home.CODEX_HOME}/config.toml`, "a = = b\n")
      const found = yield* diagnose(home)
      const [config] = found.of("config")
      assert.strictEqual(config?.status, "problem")
      assert.match(config?.message ?? "", /config\.toml:1:5: extra `=`, expected nothing/)
      assert.include(config?.nextStep, "correct config.toml")
      for (const name of ["login", "sandbox"])
        assert.include(found.of(name)[0]?.message, "does not accept its configuration")
    }))

  test("names a home that Codex cannot write", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* emptyHome
      const binary = yield* CodexBinary.find(undefined, {})
      yield* Effect.acquireRelease(fs.chmod(home.CODEX_HOME, 0o500), () =>
        Effect.ignore(fs.chmod(home.CODEX_HOME, 0o700))
      )
      // Root can write everything, so Codex runs without the capabilities that let it.
      const all = "-dac_override,-dac_read_search,-fowner"
      const command = [binary.command, ...binary.args].map((word) => `'${word}'`).join(" ")
      const CODEX_PATH = yield* program(
        home.HOME,
        process.getuid?.() === 0
          ? `#!/bin/sh\nexec setpriv --bounding-set ${all} --inh-caps ${all} ${command} "$@"\n`
          : `#!/bin/sh\nexec ${command} "$@"\n`
      )
      const found = yield* diagnose({ ...home, CODEX_PATH })
      const [check] = found.of("home")
      assert.strictEqual(check?.status, "problem")
      assert.include(check?.message, home.CODEX_HOME)
      assert.include(check?.nextStep, "CODEX_HOME")
      assert.strictEqual(found.of("codex")[0]?.status, "ok")
      assert.include(found.of("sandbox")[0]?.message, "not checked")
    }))

  test("names a missing Codex, an old one, and a state directory that others can read", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* emptyHome
      yield* fs.makeDirectory(`${home.XDG_STATE_HOME}/effect-codex`, { recursive: true })
      yield* fs.chmod(`${home.XDG_STATE_HOME}/effect-codex`, 0o755)
      const missing = yield* diagnose({ ...home, CODEX_PATH: "/nowhere/codex" })
      assert.deepStrictEqual(missing.of("codex")[0], {
        name: "codex",
        status: "problem",
        message: 'no codex binary (tried CODEX_PATH "/nowhere/codex")',
        nextStep: "install @openai/codex, or set CODEX_PATH to its binary"
      })
      assert.include(missing.of("login")[0]?.message, "not checked")
      const [state] = missing.of("state")
      assert.strictEqual(state?.status, "problem")
      assert.include(state?.message, "accessible to other users")
      assert.include(state?.nextStep, "XDG_STATE_HOME")

      const CODEX_PATH = yield* program(
        home.HOME,
        `#!/bin/sh
[ "$1" = --version ] && { echo "codex-cli 0.100.0"; exit; }
read line
id=$(echo "$line" | sed 's/.*"id":\\([0-9]*\\).*/\\1/')
echo '{"id":'$id',"result":{"userAgent":"effect-codex/0.100.0 (Linux)"}}'
cat > /dev/null
`
      )
      const old = yield* diagnose({ ...home, CODEX_PATH })
      const [codex] = old.of("codex")
      assert.strictEqual(codex?.status, "problem")
      assert.include(codex?.message, "codex 0.100.0")
      assert.strictEqual(codex?.nextStep, `install @openai/codex ${CodexBinary.oldest} or newer`)

      const person = yield* CommandLine.runHere({
        args: ["doctor"],
        env: { ...home, CODEX_PATH: "/nowhere/codex", COLUMNS: "40" }
      })
      assert.strictEqual(person.code, 1)
      assert.include(person.stdout, "problem codex\n  no codex binary (tried CODEX_PATH\n")
      assert.include(person.stdout, "\n  → install @openai/codex, or set\n  CODEX_PATH to its binary\n")
      for (const line of person.stdout.split("\n")) assert.isAtMost(line.length, 40, line)
      assert.strictEqual(person.stderr, "2 problems.\n")
    }))

  test("shows its progress on a terminal, and ends with everything it started on Ctrl-C", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const home = yield* emptyHome
      const pids = `${home.HOME}/pids`
      const CODEX_PATH = yield* program(home.HOME, `#!/bin/sh\necho $$ >> ${pids}\nexec sleep 600\n`)
      const terminal = yield* Pty.start({ args: ["doctor"], cwd: home.HOME, env: { ...home, CODEX_PATH } })
      const started = Effect.orElseSucceed(
        Effect.map(fs.readFileString(pids), (text) => text.trim().split("\n")),
        () => []
      )
      yield* until(
        "both programs run",
        Effect.map(started, ({ length }) => length === 2)
      )
      assert.isTrue(yield* terminal.waitFor("checking codex, home, config, login, sandbox"))
      yield* terminal.type("\u0003")
      assert.strictEqual(yield* terminal.exit, 130)
      for (const pid of yield* started) assert.throws(() => process.kill(Number(pid), 0), /ESRCH/)
    }))
})

describe("the check of", () => {
  const failed = Result.fail(
    new CodexError.InvalidRequest({ reason: "BadConfig", method: "config/read", detail: "broken" })
  )
  const accepted = (config: object): CodexChecks.ConfigurationReply =>
    Result.succeed({ config, origins: {}, layers: null } as never)
  const account = (value: object | null, requiresOpenaiAuth = true): CodexChecks.AccountReply =>
    Result.succeed({ account: value, userId: "user-1", requiresOpenaiAuth, workspaceRouting: null } as never)

  it("the login shows the kind of the account and nothing else of it", () => {
    const plain = accepted({ model_provider: null, model_providers: {} })
    const keyed = accepted({
      model_provider: "mine",
      model_providers: { mine: { env_key: "EFFECT_CODEX_NO_KEY" } }
    })
    const chatgpt = { type: "chatgpt", email: "a@b.c", planType: "pro", workspaceName: "Acme" }
    for (const [reply, configuration, status, message] of [
      [account({ type: "apiKey" }), plain, "ok", "logged in with an API key"],
      [account(chatgpt), plain, "ok", "logged in with ChatGPT, plan pro"],
      [account({ type: "gcp" }), plain, "ok", "logged in with gcp"],
      [account(null), plain, "problem", "Codex is not logged in"],
      [account(null), failed, "warning", "not checked, because Codex does not accept its configuration"],
      [account(null, false), plain, "ok", "the provider needs no login"],
      [
        account(null, false),
        keyed,
        "problem",
        'the provider "mine" takes its key from EFFECT_CODEX_NO_KEY, which is not set'
      ]
    ] as const) {
      const result = CodexChecks.login(reply, configuration)
      assert.deepStrictEqual([result.status, result.message], [status, message])
    }
  })

  it("Node knows the oldest version that the package accepts", () => {
    const { engines } = Schema.decodeUnknownSync(
      Schema.fromJsonString(Schema.Struct({ engines: Schema.Struct({ node: Schema.String }) }))
    )(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    assert.strictEqual(engines.node, `>=${MachineChecks.oldestNode.join(".")}`)
    for (const [version, status] of [
      ["22.18.9", "problem"],
      ["20.99.0", "problem"],
      ["22.19.0", "ok"],
      ["24.0.0", "ok"]
    ])
      assert.strictEqual(MachineChecks.node(version ?? "").status, status, version)
  })

  it("telemetry tells a file that is ignored from a setting that is", () => {
    const results = TelemetryChecks.settings([
      "/home/otel-config.yaml:3:1: not YAML (BAD_INDENT): the file is ignored",
      "OTEL_BSP_SCHEDULE_DELAY is no number and is ignored"
    ])
    assert.deepStrictEqual(
      results.map(({ status }) => status),
      ["problem", "warning"]
    )
    assert.strictEqual(TelemetryChecks.settings([])[0]?.status, "ok")
  })
})

describe("a result", () => {
  const result = DoctorReport.problem(
    "login",
    "Codex is not logged in to an account with a-rather-long-name-that-fits-no-narrow-terminal-at-all",
    "run `codex login`"
  )
  it("fits every width", () => {
    for (const width of [20, 40, 80, 200]) {
      const lines = DoctorReport.lines(result, { width, color: false })
      for (const line of lines) assert.isAtMost(line.length, width, line)
      const colored = DoctorReport.lines(result, { width, color: true })
      assert.deepStrictEqual(
        colored.map((line) => line.replaceAll(/\u001b\[\d+m/g, "")),
        lines
      )
      assert.isTrue(colored[0]?.startsWith("\u001b[31mproblem\u001b[0m login"))
    }
    assert.deepStrictEqual(
      DoctorReport.lines(DoctorReport.ok("node", "Node 24"), { width: 80, color: false }),
      ["ok      node        Node 24"]
    )
  })
})
