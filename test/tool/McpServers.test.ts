import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Http from "node:http"
import { fileURLToPath } from "node:url"
import { Codex } from "../../src/Codex.ts"
import * as ToolCommand from "../../src/tool/ToolCommand.ts"
import * as McpServers from "../../src/tool/McpServers.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexHome from "../support/codexHome.ts"
import { test } from "../support/live.ts"
import { hasEnded } from "../support/processes.ts"
import * as RealCodex from "../support/realCodex.ts"
import * as Real from "../support/realEngine.ts"

const script = fileURLToPath(new URL("../support/mcpTools.ts", import.meta.url))

describe("MCP servers of a thread", () => {
  it("are converted to Codex's configuration", () => {
    const config = McpServers.toConfig({
      files: {
        command: "/opt/my server",
        args: ["--root", "a b; $(x)"],
        env: { TOKEN: Redacted.make("s3cret"), MODE: "x" },
        cwd: "/srv",
        startTimeout: "1500 millis",
        toolTimeout: "2 minutes",
        tools: ["read"],
        required: true
      },
      docs: {
        url: new URL("https://example.test/mcp"),
        headers: { "X-Team": Redacted.make("blue") },
        bearerToken: Redacted.make("s3cret"),
        withoutTools: ["drop"]
      },
      bare: { command: "bare" }
    })
    assert.deepStrictEqual(Result.getOrThrow(config), {
      "mcp_servers.files": {
        command: "/opt/my server",
        args: ["--root", "a b; $(x)"],
        cwd: "/srv",
        env: { TOKEN: "s3cret", MODE: "x" },
        startup_timeout_sec: 1.5,
        tool_timeout_sec: 120,
        enabled_tools: ["read"],
        required: true
      },
      "mcp_servers.docs": {
        url: "https://example.test/mcp",
        http_headers: { "X-Team": "blue", Authorization: "Bearer s3cret" },
        disabled_tools: ["drop"]
      },
      "mcp_servers.bare": { command: "bare", args: [], env: {} }
    })
  })

  const wrong: ReadonlyArray<readonly [why: string, name: string, server: McpServers.Server]> = [
    ["a dot in the name", "a.b", { command: "x" }],
    ["a name that is a path", "../x", { command: "x" }],
    ["a name with a line break", "a\n[x]", { command: "x" }],
    ["a name with a quote", 'a"', { command: "x" }],
    ["no name", "", { command: "x" }],
    ["no command", "a", { command: " " }],
    ["a NUL in the command", "a", { command: "x\0" }],
    ["a NUL in an argument", "a", { command: "x", args: ["\0"] }],
    ["a NUL in a variable", "a", { command: "x", env: { A: Redacted.make("s3cret\0") } }],
    ["a variable that is none", "a", { command: "x", env: { "A=B": "c" } }],
    ["a URL that is none", "a", { url: "s3cret" }],
    ["a URL of another kind", "a", { url: "file:///s3cret" }],
    ["a header that is none", "a", { url: "http://x", headers: { "a b": "c" } }],
    ["a line break in a header", "a", { url: "http://x", headers: { a: Redacted.make("s3cret\r\nb: c") } }],
    ["a line break in the token", "a", { url: "http://x", bearerToken: Redacted.make("s3cret\n") }],
    ["two tokens", "a", { url: "http://x", bearerToken: "s3cret", headers: { authorization: "s3cret" } }],
    ["a timeout of no length", "a", { command: "x", toolTimeout: 0 }],
    ["a timeout without end", "a", { command: "x", startTimeout: Infinity }]
  ]
  for (const [why, name, server] of wrong) {
    it(`are rejected for ${why}, without quoting a value`, () => {
      const config = McpServers.toConfig({ [name]: server }, "resumeThread")
      assert.isTrue(Result.isFailure(config))
      if (Result.isSuccess(config)) return
      assert.deepInclude(config.failure, {
        _tag: "InvalidRequest",
        reason: "BadParams",
        method: "resumeThread"
      })
      assert.notInclude(config.failure.message, "s3cret")
      assert.notInclude(config.failure.message, "\n")
    })
  }

  /** The files below a folder that have a text in them. Links are left out: Codex makes some to its own binary. */
  const filesWith = (text: string, folder: string) =>
    Effect.map(
      ToolCommand.run(ChildProcess.make("grep", ["-rlaF", "-e", text, folder])),
      ({ stdout }) => stdout
    )

  const mcpCall = (name: string, args: object, callId: string) =>
    M.item({
      type: "function_call",
      // Codex takes the tools of a server as one namespace.
      namespace: "mcp__probe",
      name,
      arguments: JSON.stringify(args),
      call_id: callId
    })

  const start = Effect.fnUntraced(function* (probe: McpServers.Server, script: M.Script) {
    const fs = yield* FileSystem.FileSystem
    const workspace = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-mcp-" })
    const server = yield* M.make(script)
    const env = yield* CodexHome.make(server)
    const codex = yield* RealCodex.start({ env })
    const config = yield* Effect.fromResult(McpServers.toConfig({ probe }))
    // Whether a turn waits for a server that is still coming up is not the point here.
    const ready = yield* codex.watch(
      ({ method, params }) =>
        method === "mcpServer/startupStatus/updated" &&
        params["name"] === "probe" &&
        params["status"] === "ready"
    )
    const thread = yield* codex.startThread({
      cwd: workspace,
      sandbox: "read-only",
      approvalPolicy: "never",
      config
    })
    yield* ready
    const outcome = yield* codex.runTurn(thread, "go")
    assert.strictEqual(outcome.status, "completed")
    const [, second] = yield* server.requests
    const outputs = (second?.toolOutputs ?? []).map(({ callId, output }) => [
      callId,
      output.replace(/^Wall time: .*\nOutput:/, "")
    ])
    return { home: env.HOME, outputs: Object.fromEntries(outputs), workspace }
  })

  const secret = "canary-5b1f; $(touch pwned) `id` \"'\\ -n"

  test("F36 F39 run in the real Codex: arguments arrive unchanged, no secret is on disk, and they end with Codex", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-mcp-" })
      const calls = `${folder}/calls; $(touch pwned)`
      const strange = "a\nb; $(touch pwned) `id` \"'\\ -n"
      const { home, outputs, workspace } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start(
            {
              command: process.execPath,
              args: ["--no-warnings", script, calls],
              env: { SECRET: Redacted.make(secret), STRANGE: strange },
              withoutTools: ["sleep"],
              required: true
            },
            [
              M.reply(
                mcpCall("add", { a: 2, b: 3 }, "m1"),
                mcpCall("environment", { name: "STRANGE" }, "m2"),
                mcpCall("fail", {}, "m3"),
                mcpCall("sleep", { ms: 1 }, "m4")
              ),
              M.reply(M.text("done"))
            ]
          )
          assert.strictEqual(yield* filesWith("canary-5b1f", started.home), "")
          // The search finds what is there.
          assert.include(yield* filesWith("m2", started.home), "rollout")
          return started
        })
      )
      assert.strictEqual(outputs["m1"], "5")
      assert.strictEqual(outputs["m2"], strange)
      assert.include(outputs["m3"], "fail failed")
      const called = (yield* fs.readFileString(calls))
        .split("\n")
        .slice(0, -1)
        .map((line): { readonly pid: number; readonly name: string } => JSON.parse(line))
      assert.sameMembers(
        called.map(({ name }) => name),
        ["add", "environment", "fail"]
      )
      for (const where of [home, workspace, folder]) assert.isFalse(yield* fs.exists(`${where}/pwned`))
      assert.isFalse(yield* fs.exists("pwned"))
      const [{ pid } = { pid: 0 }] = called
      assert.isTrue(yield* hasEnded(pid))
    }))

  test("are passed to a thread that is started, resumed or forked, and an invalid one is rejected before any request to Codex", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const calls = `${yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-mcp-" })}/calls`
      const probe = { command: process.execPath, args: ["--no-warnings", script, calls], required: true }
      const ask = (n: number) => [M.reply(mcpCall("add", { a: n, b: 1 }, `m${n}`)), M.reply(M.text("done"))]
      const real = yield* Real.make([...ask(1), ...ask(2), ...ask(3)])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const options = { mcpServers: { probe } }
        const bad = yield* Effect.flip(real.start({ mcpServers: { "no.such name": probe } }))
        assert.deepInclude(bad, { _tag: "InvalidRequest", reason: "BadParams" })
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const thread = yield* real.start({ ...options, approvalMode: "never" })
            yield* thread.run("one")
            return thread.id
          })
        )
        const again = yield* codex.resumeThread(id, {
          ...options,
          cwd: real.workspace,
          approvalMode: "never"
        })
        yield* again.run("two")
        const fork = yield* codex.forkThread(id, { ...options, cwd: real.workspace, approvalMode: "never" })
        const turn = yield* fork.run("three")
        const call = turn.items.find((item) => item._tag === "McpToolCall")
        assert.deepInclude(call, { server: "probe", tool: "add", status: "completed" })
      }).pipe(Effect.provide(real.layer))
      const names = (yield* fs.readFileString(calls))
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line).name)
      assert.deepStrictEqual(names, ["add", "add", "add"])
    }))

  test("F36 are called over HTTP with their headers, and no secret is on disk", () =>
    Effect.gen(function* () {
      const headers: Array<Http.IncomingHttpHeaders> = []
      const url = yield* listen(headers)
      const { home, outputs } = yield* start(
        { url, bearerToken: Redacted.make("canary-5b1f"), headers: { "X-Team": "blue; $(x)" } },
        [M.reply(mcpCall("echo", {}, "m1")), M.reply(M.text("done"))]
      )
      assert.strictEqual(outputs["m1"], "over http")
      assert.isAbove(headers.length, 2)
      for (const sent of headers) {
        assert.deepInclude(sent, { authorization: "Bearer canary-5b1f", "x-team": "blue; $(x)" })
      }
      assert.strictEqual(yield* filesWith("canary-5b1f", home), "")
    }))
})

/** An MCP server over HTTP with one tool, which notes the headers of every message. */
const listen = (headers: Array<Http.IncomingHttpHeaders>) =>
  Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => (body += String(chunk)))
        request.on("end", () => {
          if (request.method !== "POST") return response.writeHead(405).end()
          headers.push(request.headers)
          const { id, method } = JSON.parse(body)
          if (id === undefined) return response.writeHead(202).end()
          const result =
            method === "initialize"
              ? {
                  protocolVersion: "2025-06-18",
                  capabilities: { tools: {} },
                  serverInfo: { name: "t", version: "0" }
                }
              : method === "tools/list"
                ? {
                    tools: [
                      { name: "echo", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }
                    ]
                  }
                : { content: [{ type: "text", text: "over http" }] }
          return response
            .writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify({ jsonrpc: "2.0", id, result }))
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/mcp`
    })
  )
