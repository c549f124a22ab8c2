import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Toml from "smol-toml"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as Responses from "../../src/testing/model-server/responses.ts"
import * as RawRequest from "../support/rawRequest.ts"
import * as RealCodex from "../support/realCodex.ts"

const framesOf = (...steps: ReadonlyArray<ModelServer.ModelStep>) => {
  let calls = 0
  return Responses.encode(steps, { response: 1, nextCall: () => `call_${++calls}` })
}
const textOf = (frames: ReadonlyArray<Responses.Frame>) =>
  Buffer.concat(frames.flatMap((frame) => (frame._tag === "Write" ? [frame.data] : []))).toString()
const decodeEvent = Schema.decodeSync(Schema.fromJsonString(Schema.JsonObject))
const eventsIn = (body: string) =>
  body.split("\n").flatMap((line) => (line.startsWith("data: ") ? [decodeEvent(line.slice(6))] : []))
const eventsOf = (...steps: ReadonlyArray<ModelServer.ModelStep>) => eventsIn(textOf(framesOf(...steps)))
const itemsOf = (...steps: ReadonlyArray<ModelServer.ModelStep>) =>
  eventsOf(...steps).flatMap((event) =>
    event["type"] === "response.output_item.done" ? [event["item"]] : []
  )
const tags = (...steps: ReadonlyArray<ModelServer.ModelStep>) => framesOf(...steps).map((frame) => frame._tag)

const created = {
  type: "response.created",
  response: { id: "resp_1", object: "response", status: "in_progress" }
}
const completed = {
  type: "response.completed",
  response: { id: "resp_1", object: "response", status: "completed" }
}

describe("a reply on the wire", () => {
  it("is server-sent events, from response.created to response.completed", () => {
    const message = {
      type: "message",
      id: "msg_1_0",
      role: "assistant",
      content: [{ type: "output_text", text: "Hello", annotations: [] }]
    }
    assert.strictEqual(
      textOf(framesOf(ModelServer.text("Hello"))),
      [
        `event: response.created\ndata: ${JSON.stringify(created)}\n\n`,
        `event: response.output_item.done\ndata: ${JSON.stringify({ type: "response.output_item.done", output_index: 0, item: message })}\n\n`,
        `event: response.completed\ndata: ${JSON.stringify(completed)}\n\n`
      ].join("")
    )
  })

  it("streams a text as deltas and ends with the whole text", () => {
    const events = eventsOf(ModelServer.text("one two", { deltas: true, itemId: "msg_a" }))
    assert.deepStrictEqual(
      events.map((event) => event["type"]),
      [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed"
      ]
    )
    assert.deepStrictEqual(
      events.flatMap((event) => event["delta"] ?? []),
      ["one ", "two"]
    )
    assert.deepStrictEqual(
      events.flatMap((event) => event["item_id"] ?? []),
      ["msg_a", "msg_a", "msg_a"]
    )
  })

  it.effect.prop("splits any text into words that join to the same text", [Schema.String], ([text]) =>
    Effect.sync(() => {
      const events = eventsOf(
        ModelServer.text(text, { deltas: true }),
        ModelServer.reasoning(text, { deltas: true })
      )
      const joined = (type: string) =>
        events.flatMap((event) => (event["type"] === type ? [event["delta"]] : [])).join("")
      assert.strictEqual(joined("response.output_text.delta"), text)
      assert.strictEqual(joined("response.reasoning_summary_text.delta"), text)
    })
  )

  it("streams the given deltas and waits between them if requested", () => {
    const steps = ModelServer.text("abc", { deltas: ["a", "b", "c"], every: "1 millis" })
    assert.deepStrictEqual(
      eventsOf(steps).flatMap((event) => event["delta"] ?? []),
      ["a", "b", "c"]
    )
    assert.deepStrictEqual(tags(steps), ["Write", "Wait", "Write", "Wait", "Write"])
  })

  it("summarises reasoning", () => {
    assert.deepStrictEqual(itemsOf(ModelServer.reasoning("because")), [
      { type: "reasoning", id: "rs_1_0", summary: [{ type: "summary_text", text: "because" }] }
    ])
  })

  it("calls tools with unique call ids", () => {
    const items = itemsOf(
      ModelServer.shell("ls", { workdir: "/w", timeoutMillis: 500 }),
      ModelServer.shell("rm -r x", { escalate: "May I?" }),
      ModelServer.patch("*** Begin Patch"),
      ModelServer.call("lookup", { id: "T-1" }, { callId: "mine" }),
      ModelServer.call("lookup", {})
    )
    assert.deepStrictEqual(items, [
      {
        type: "function_call",
        id: "fc_1_0",
        call_id: "call_1",
        name: "exec_command",
        arguments: `{"cmd":"ls","workdir":"/w","yield_time_ms":500}`
      },
      {
        type: "function_call",
        id: "fc_1_1",
        call_id: "call_2",
        name: "exec_command",
        arguments: `{"cmd":"rm -r x","sandbox_permissions":"require_escalated","justification":"May I?"}`
      },
      {
        type: "custom_tool_call",
        id: "ctc_1_2",
        call_id: "call_3",
        name: "apply_patch",
        input: "*** Begin Patch"
      },
      { type: "function_call", id: "fc_1_3", call_id: "mine", name: "lookup", arguments: `{"id":"T-1"}` },
      { type: "function_call", id: "fc_1_4", call_id: "call_4", name: "lookup", arguments: "{}" }
    ])
  })

  it("reports token usage only if scripted, with OpenAI's totals", () => {
    assert.deepStrictEqual(eventsOf().at(-1), completed)
    assert.deepStrictEqual(
      eventsOf(ModelServer.usage({ input: 100, cachedInput: 40, output: 20, reasoning: 5 })).at(-1)?.[
        "response"
      ],
      {
        ...completed.response,
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 40 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 5 },
          total_tokens: 120
        }
      }
    )
  })

  it("passes raw items and events through", () => {
    const web = { type: "web_search_call", id: "ws_1", status: "completed" }
    assert.deepStrictEqual(itemsOf(ModelServer.item(web)), [web])
    assert.deepStrictEqual(eventsOf(ModelServer.event({ type: "response.new_thing", n: 1 })), [
      created,
      { type: "response.new_thing", n: 1 },
      completed
    ])
  })

  it("ends with the first event that ends a response", () => {
    const incomplete = { type: "response.incomplete", response: { id: "r" } }
    assert.deepStrictEqual(eventsOf(ModelServer.event(incomplete), ModelServer.text("late")), [
      created,
      incomplete
    ])
    assert.deepStrictEqual(eventsOf(ModelServer.failed({ code: "slow_down", message: "later" })), [
      created,
      {
        type: "response.failed",
        response: {
          id: "resp_1",
          object: "response",
          status: "failed",
          error: { code: "slow_down", message: "later" }
        }
      }
    ])
  })

  it("is one write unless a wait or an end separates events", () => {
    const text = ModelServer.text("one two three", { deltas: true })
    assert.deepStrictEqual(tags(text, text, text), ["Write"])
    assert.deepStrictEqual(tags(text, ModelServer.delay("1 second"), text), ["Write", "Wait", "Write"])
    assert.deepStrictEqual(tags(text, ModelServer.cut, text), ["Write", "Cut"])
    assert.deepStrictEqual(tags(text, ModelServer.never, text), ["Write", "Never"])
  })

  it("can be cut at every byte", () => {
    const frames = framesOf(
      ModelServer.text("grüße", { deltas: true }),
      ModelServer.until(Effect.void),
      ModelServer.call("lookup", { id: "ü" })
    )
    const whole = Buffer.concat(frames.flatMap((frame) => (frame._tag === "Write" ? [frame.data] : [])))
    for (let bytes = 0; bytes <= whole.length; bytes++) {
      const cut = Responses.truncate(frames, bytes)
      const sent = Buffer.concat(cut.flatMap((frame) => (frame._tag === "Write" ? [frame.data] : [])))
      assert.isTrue(sent.equals(whole.subarray(0, bytes)))
      assert.strictEqual(cut.at(-1)?._tag, "Cut")
    }
  })
})

const post = (url: string, body: unknown = { input: [] }, signal: AbortSignal | null = null) =>
  fetch(`${url}/v1/responses`, { method: "POST", body: JSON.stringify(body), signal })
const ask = (server: ModelServer.ModelServer["Service"], body?: unknown) =>
  Effect.tryPromise(async (signal) => {
    const response = await post(server.url, body, signal)
    return { status: response.status, headers: response.headers, body: await response.text() }
  })
const saying = (text: string) => ModelServer.reply(ModelServer.text(text))
const user = (text: string) => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }]
})

describe("the server", () => {
  it.live("plays its script and records the requests", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        saying("first"),
        (request, index) => saying(`${index}: ${request.lastUserText}`),
        (request) => Effect.succeed(saying(request.toolOutputs.map((_) => `${_.callId}=${_.output}`).join()))
      ])
      const bodies = [
        { input: [] },
        { input: [user("context"), user("Hello"), { type: "reasoning", summary: [] }] },
        {
          input: [
            { type: "function_call_output", call_id: "a", output: "1" },
            { type: "custom_tool_call_output", call_id: "b", output: [{ type: "input_text", text: "2" }] }
          ]
        }
      ]
      const texts = yield* Effect.forEach(bodies, (body) => ask(server, body))
      assert.include(texts[0]?.body, `"text":"first"`)
      assert.include(texts[1]?.body, `"text":"1: Hello"`)
      assert.include(texts[2]?.body, `"text":"a=1,b=2"`)
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map((request) => request.body),
        bodies
      )
      assert.deepStrictEqual(
        requests.map((request) => request.index),
        [0, 1, 2]
      )
      assert.deepStrictEqual(yield* server.unexpected, [])
    })
  )

  it.live("rejects and reports requests that the script does not cover", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        () => {
          throw new Error("oops")
        }
      ])
      const failing = yield* ask(server)
      const beyond = yield* ask(server, { input: [user("more")] })
      const elsewhere = yield* Effect.tryPromise(() => fetch(`${server.url}/v1/models`))
      const nonsense = yield* ask(server, "no object")
      assert.deepStrictEqual(
        [failing.status, beyond.status, elsewhere.status, nonsense.status],
        [400, 400, 404, 400]
      )
      const expected = [
        "the script failed on request 1: Error: oops",
        `request 2 ("more") comes after the end of the script, which has 1 replies`,
        "there is no GET /v1/models",
        "the body of POST /v1/responses is not a JSON object"
      ]
      assert.deepStrictEqual(yield* server.unexpected, expected)
      assert.include(beyond.body, "comes after the end of the script, which has 1 replies")
    })
  )

  it.live("H23 rejects requests under another host name, and does not record them", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([])
      const { port } = new URL(server.url)
      const lines = ["POST /v1/responses HTTP/1.1", "Host: evil.example", "Content-Length: 2"]
      assert.strictEqual(yield* RawRequest.status(Number(port), lines, "{}"), "421")
      assert.deepStrictEqual([yield* server.requests, yield* server.unexpected], [[], []])
    }).pipe(Effect.scoped)
  )

  it.live("answers all requests with a function, and keeps only the latest requests", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([saying("once")], { otherwise: saying("again"), keep: 2 })
      const replies = yield* Effect.replicateEffect(ask(server), 4)
      assert.deepStrictEqual(
        replies.map((reply) => reply.body.includes("again")),
        [false, true, true, true]
      )
      assert.deepStrictEqual(
        (yield* server.requests).map((request) => request.index),
        [2, 3]
      )
      assert.deepStrictEqual(yield* server.unexpected, [])
    })
  )

  it.live("gives responses and calls unique ids", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make(() =>
        ModelServer.reply(ModelServer.shell("ls"), ModelServer.shell("ls"))
      )
      const replies = yield* Effect.replicateEffect(ask(server), 2)
      const ids = replies.flatMap((reply) => reply.body.match(/(resp|call)_\d+/g) ?? [])
      assert.deepStrictEqual([...new Set(ids)], ["resp_1", "call_1", "call_2", "resp_2", "call_3", "call_4"])
    })
  )

  it.live("answers with an error of the API", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        ModelServer.httpError(429, {
          code: "insufficient_quota",
          message: "no money",
          headers: { "retry-after": "1" }
        }),
        ModelServer.httpError(502, { body: "bad gateway", headers: { "content-type": "text/plain" } })
      ])
      const limited = yield* ask(server)
      assert.strictEqual(limited.status, 429)
      assert.strictEqual(limited.headers.get("retry-after"), "1")
      assert.deepStrictEqual(decodeEvent(limited.body), {
        error: { message: "no money", type: "error", param: null, code: "insufficient_quota" }
      })
      const broken = yield* ask(server)
      assert.deepStrictEqual([broken.status, broken.body], [502, "bad gateway"])
    })
  )

  it.effect("waits in real time under a test clock", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        ModelServer.reply(
          ModelServer.delay("30 millis"),
          ModelServer.text("a b", { deltas: true, every: "5 millis" })
        )
      ])
      const before = performance.now()
      assert.include((yield* ask(server)).body, "response.completed")
      assert.isAtLeast(performance.now() - before, 30)
    })
  )

  it.live("sends what it has before it waits", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const server = yield* ModelServer.make([
        ModelServer.reply(
          ModelServer.text("early"),
          ModelServer.until(Deferred.await(gate)),
          ModelServer.text("late")
        )
      ])
      const response = yield* Effect.promise(() => post(server.url))
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      const first = yield* Effect.promise(async () => (await reader?.read())?.value)
      assert.include(first, "early")
      assert.notInclude(first, "late")
      yield* Deferred.succeed(gate, undefined)
      const second = yield* Effect.promise(async () => (await reader?.read())?.value)
      assert.include(second, "late")
    })
  )

  it.live("stops the reply when the client disconnects", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<"interrupted">()
      const waiting = Deferred.succeed(reached, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(ended, "interrupted"))
      )
      const server = yield* ModelServer.make([ModelServer.reply(ModelServer.until(waiting))])
      const client = yield* Effect.forkChild(ask(server))
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(client)
      assert.strictEqual(yield* Deferred.await(ended), "interrupted")
    })
  )

  it.live("breaks the connection when the reply is cut", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([
        ModelServer.reply(ModelServer.text("half"), ModelServer.cut),
        ModelServer.truncate(saying("never"), 0)
      ])
      const response = yield* Effect.promise(() => post(server.url))
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      assert.include(yield* Effect.promise(async () => (await reader?.read())?.value), "half")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.tryPromise(async () => reader?.read()))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.tryPromise(() => post(server.url)))))
    })
  )

  it.live("closes at once with its scope, open replies included", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* ModelServer.make([ModelServer.reply(ModelServer.never)]).pipe(
        Scope.provide(scope)
      )
      const response = yield* Effect.promise(() => post(server.url))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.tryPromise(() => response.text()))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.tryPromise(() => post(server.url)))))
    })
  )

  it.live("is available as a layer", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.ModelServer
      assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.strictEqual((yield* ask(server)).status, 200)
    }).pipe(Effect.provide(ModelServer.layer([saying("hi")])))
  )

  it.live("writes a configuration in which extra settings win", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([])
      const config = Toml.parse(
        server.config(`
          model = "other"
          model_providers.mock.request_max_retries = 0
          projects."/a.b".trust_level = "trusted"
          [otel]
          trace_exporter = { otlp-http = { endpoint = "http://127.0.0.1:1/v1/traces", protocol = "json" } }
        `)
      )
      assert.deepInclude(config, { model: "other", model_provider: "mock" })
      assert.deepStrictEqual(config["model_providers"], {
        mock: {
          name: "mock",
          base_url: `${server.url}/v1`,
          wire_api: "responses",
          env_key: "MOCK_API_KEY",
          requires_openai_auth: false,
          supports_websockets: false,
          request_max_retries: 0
        }
      })
      assert.deepStrictEqual(config["otel"], {
        exporter: "none",
        trace_exporter: { "otlp-http": { endpoint: "http://127.0.0.1:1/v1/traces", protocol: "json" } },
        metrics_exporter: "none"
      })
      assert.deepStrictEqual(config["projects"], { "/a.b": { trust_level: "trusted" } })
    })
  )

  it.live("creates a private home and removes it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const server = yield* ModelServer.make([])
      const home = yield* Effect.scoped(
        Effect.gen(function* () {
          const before = process.umask(0)
          const home = yield* ModelServer.home(server, { config: `model = "other"` })
          process.umask(before)
          const mode = (file: string) => Effect.map(fs.stat(file), (info) => info.mode & 0o777)
          assert.strictEqual(yield* mode(home.HOME), 0o700)
          assert.strictEqual(yield* mode(home.CODEX_HOME), 0o700)
          assert.strictEqual(yield* mode(path.join(home.CODEX_HOME, "config.toml")), 0o600)
          assert.include(
            yield* fs.readFileString(path.join(home.CODEX_HOME, "config.toml")),
            `model = "other"`
          )
          assert.strictEqual(home.MOCK_API_KEY, ModelServer.environment.MOCK_API_KEY)
          return home
        })
      )
      assert.isFalse(yield* fs.exists(home.HOME))
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

const reference = `
  model_providers.mock.request_max_retries = 1
  model_providers.mock.stream_max_retries = 2
`
const lookup = {
  type: "function",
  name: "lookup_ticket",
  description: "Looks up a ticket",
  inputSchema: { type: "object", properties: { id: { type: "string" } } }
}

/** A real Codex on such a server, with a workspace of its own. */
const realCodex = Effect.fnUntraced(function* (
  script: ModelServer.Script,
  options: {
    readonly answer?: RealCodex.Answer
    readonly config?: string
    readonly asArguments?: boolean
  } = {}
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  const { CODEX_HOME, HOME, MOCK_API_KEY } = yield* ModelServer.home(server, { config: options.config })
  const workspace = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-workspace-" })
  if (options.asArguments === true) yield* fs.remove(`${CODEX_HOME}/config.toml`)
  const codex = yield* RealCodex.start({
    env: { CODEX_HOME, HOME, MOCK_API_KEY },
    args: options.asArguments === true ? server.args : [],
    answer: options.answer
  })
  const thread = yield* codex.startThread({
    cwd: workspace,
    sandbox: "workspace-write",
    approvalPolicy: "on-request",
    dynamicTools: [lookup]
  })
  return { server, workspace, codex, thread, home: HOME, run: (text: string) => codex.runTurn(thread, text) }
})

const said = (outcome: RealCodex.Outcome, method: string) =>
  outcome.notifications.flatMap((notification) =>
    notification.method === method ? [notification.params] : []
  )
const isJsonObject = Schema.is(Schema.JsonObject)
const itemsCompleted = (outcome: RealCodex.Outcome, type: string) =>
  said(outcome, "item/completed").flatMap(({ item }) =>
    isJsonObject(item) && item["type"] === type ? [item] : []
  )

layer(NodeServices.layer, { excludeTestServices: true })("the real Codex", (it) => {
  it.effect("streams reasoning and text as deltas of one item each", () =>
    Effect.gen(function* () {
      const { run, server } = yield* realCodex([
        ModelServer.reply(
          ModelServer.reasoning("Let me think.", { deltas: true }),
          ModelServer.text("Hello from the model", { deltas: true, itemId: "msg_hello" }),
          ModelServer.usage({ input: 100, cachedInput: 40, output: 20, reasoning: 5 })
        )
      ])
      const outcome = yield* run("hi")
      assert.strictEqual(outcome.status, "completed")
      assert.deepStrictEqual(
        said(outcome, "item/agentMessage/delta").map((params) => [params["itemId"], params["delta"]]),
        ["Hello ", "from ", "the ", "model"].map((delta) => ["msg_hello", delta])
      )
      assert.deepStrictEqual(
        said(outcome, "item/reasoning/summaryTextDelta").map((params) => params["delta"]),
        ["Let ", "me ", "think."]
      )
      assert.deepStrictEqual(
        itemsCompleted(outcome, "agentMessage").map((item) => [item["id"], item["text"]]),
        [["msg_hello", "Hello from the model"]]
      )
      assert.deepNestedInclude(said(outcome, "thread/tokenUsage/updated")[0], {
        "tokenUsage.last": {
          totalTokens: 120,
          inputTokens: 100,
          cachedInputTokens: 40,
          cacheWriteInputTokens: 0,
          outputTokens: 20,
          reasoningOutputTokens: 5
        }
      })
      const [request] = yield* server.requests
      assert.strictEqual(request?.lastUserText, "hi")
      assert.strictEqual(request?.headers["authorization"], "Bearer dummy")
    })
  )

  it.effect("finds the server by its arguments alone", () =>
    Effect.gen(function* () {
      const { run, server } = yield* realCodex([saying("here")], { asArguments: true })
      assert.strictEqual((yield* run("where?")).status, "completed")
      assert.lengthOf(yield* server.requests, 1)
    })
  )

  it.effect("runs a shell command and reports it to the model", () =>
    Effect.gen(function* () {
      const { run, server, thread } = yield* realCodex([
        ModelServer.reply(ModelServer.shell("echo one > made.txt; cat made.txt; exit 3")),
        saying("done")
      ])
      const outcome = yield* run("make it")
      const [command] = itemsCompleted(outcome, "commandExecution")
      assert.deepInclude(command, { id: "call_1", exitCode: 3, aggregatedOutput: "one\n" })
      const [output] = (yield* server.requests)[1]?.toolOutputs ?? []
      assert.strictEqual(output?.callId, "call_1")
      assert.include(output?.output, "Process exited with code 3")
      assert.deepStrictEqual(
        (yield* server.requests).map((request) => request.threadId),
        [thread, thread]
      )
    })
  )

  it.effect("asks for approval before it leaves the sandbox", () =>
    Effect.gen(function* () {
      const asked: Array<Schema.JsonObject> = []
      const { run } = yield* realCodex(
        [ModelServer.reply(ModelServer.shell("echo out", { escalate: "May I?" })), saying("done")],
        {
          answer: (method, params) => {
            asked.push({ method, ...params })
            return { decision: "decline" }
          }
        }
      )
      const outcome = yield* run("try")
      assert.lengthOf(asked, 1)
      assert.deepInclude(asked[0], { method: "item/commandExecution/requestApproval", reason: "May I?" })
      assert.strictEqual(itemsCompleted(outcome, "commandExecution")[0]?.["status"], "declined")
    })
  )

  it.effect("applies a patch to the workspace", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { run, server, workspace } = yield* realCodex([
        ModelServer.reply(
          ModelServer.patch(
            "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+new\n*** Add File: b.txt\n+added\n*** End Patch\n"
          )
        ),
        saying("done")
      ])
      yield* fs.writeFileString(`${workspace}/a.txt`, "old\n")
      const outcome = yield* run("edit")
      assert.strictEqual(yield* fs.readFileString(`${workspace}/a.txt`), "new\n")
      assert.strictEqual(yield* fs.readFileString(`${workspace}/b.txt`), "added\n")
      const [change] = itemsCompleted(outcome, "fileChange")
      assert.deepInclude(change, { id: "call_1", status: "completed" })
      const outputs = (yield* server.requests)[1]?.toolOutputs
      assert.strictEqual(outputs?.[0]?.callId, "call_1")
      assert.include(outputs?.[0]?.output, "Success. Updated the following files:")
    })
  )

  it.effect("sends the result of a dynamic tool to the model", () =>
    Effect.gen(function* () {
      const { run, server } = yield* realCodex(
        [
          ModelServer.reply(
            ModelServer.call("lookup_ticket", { id: "T-1" }, { callId: "first" }),
            ModelServer.call("lookup_ticket", { id: "T-2" })
          ),
          saying("done")
        ],
        {
          answer: (_, params) => ({
            contentItems: [{ type: "inputText", text: `title of ${JSON.stringify(params["arguments"])}` }],
            success: true
          })
        }
      )
      assert.strictEqual((yield* run("look it up")).status, "completed")
      assert.deepStrictEqual((yield* server.requests)[1]?.toolOutputs, [
        { callId: "first", output: `title of {"id":"T-1"}` },
        { callId: "call_1", output: `title of {"id":"T-2"}` }
      ])
    })
  )

  const failures: ReadonlyArray<readonly [string, ModelServer.Reply, number, Schema.Json]> = [
    ["401", ModelServer.httpError(401), 3, { httpConnectionFailed: { httpStatusCode: 401 } }],
    ["429", ModelServer.httpError(429), 1, { responseTooManyFailedAttempts: { httpStatusCode: 429 } }],
    ["429 out of quota", ModelServer.httpError(429, { code: "insufficient_quota" }), 1, "usageLimitExceeded"],
    ["500", ModelServer.httpError(500), 6, "internalServerError"],
    [
      "an overloaded server",
      ModelServer.reply(ModelServer.failed({ code: "server_is_overloaded", message: "busy" })),
      1,
      "serverOverloaded"
    ],
    [
      "too long a context",
      ModelServer.reply(ModelServer.failed({ code: "context_length_exceeded", message: "too long" })),
      1,
      "contextWindowExceeded"
    ],
    [
      "streams that break",
      ModelServer.reply(ModelServer.text("half", { deltas: true }), ModelServer.cut),
      3,
      "other"
    ],
    [
      "streams that break inside a call",
      ModelServer.truncate(ModelServer.reply(ModelServer.shell("ls")), 250),
      3,
      "other"
    ],
    ["connections that break", ModelServer.truncate(saying("never"), 0), 6, "other"]
  ]
  for (const [name, reply, attempts, info] of failures) {
    it.effect(
      `gives up on ${name} after ${attempts} request(s)`,
      () =>
        Effect.gen(function* () {
          const { run, server } = yield* realCodex(() => reply, { config: reference })
          const outcome = yield* run("hi")
          assert.strictEqual(outcome.status, "failed")
          assert.deepStrictEqual(outcome.error?.["codexErrorInfo"], info)
          assert.lengthOf(yield* server.requests, attempts)
          assert.isEmpty(itemsCompleted(outcome, "commandExecution"))
        }),
      { concurrent: true }
    )
  }

  it.effect("shows what is wrong with a script that is too short", () =>
    Effect.gen(function* () {
      const { run, server } = yield* realCodex([])
      const outcome = yield* run("hi")
      assert.strictEqual(outcome.status, "failed")
      assert.include(JSON.stringify(outcome.error), "comes after the end of the script, which has 0 replies")
      assert.lengthOf(yield* server.unexpected, 1)
    })
  )

  it.effect("recovers from a stream that breaks once", () =>
    Effect.gen(function* () {
      const { run } = yield* realCodex([
        ModelServer.reply(ModelServer.text("half", { deltas: true }), ModelServer.cut),
        saying("whole")
      ])
      const outcome = yield* run("hi")
      assert.strictEqual(outcome.status, "completed")
      assert.strictEqual(itemsCompleted(outcome, "agentMessage").at(-1)?.["text"], "whole")
    })
  )

  it.effect("can be interrupted while the model hangs, and hangs up", () =>
    Effect.gen(function* () {
      const gone = yield* Deferred.make<void>()
      const hanging = Effect.never.pipe(Effect.onInterrupt(() => Deferred.succeed(gone, undefined)))
      const half = ModelServer.text("half", { deltas: true })
      const { codex, thread } = yield* realCodex([
        ModelServer.reply(half, ModelServer.never),
        ModelServer.reply(half, ModelServer.until(hanging))
      ])
      for (const round of ["hang", "until"]) {
        const outcome = yield* Effect.gen(function* () {
          const streaming = yield* codex.watch(({ method }) => method === "item/agentMessage/delta")
          const turn = yield* codex.startTurn(thread, round)
          yield* streaming
          yield* codex.request("turn/interrupt", { threadId: thread, turnId: turn.id })
          return yield* turn.ended
        }).pipe(Effect.scoped)
        assert.strictEqual(outcome.status, "interrupted")
      }
      yield* Deferred.await(gone)
    })
  )

  it.effect("runs 20 turns of one thread and leaves nothing behind", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const left = yield* Effect.gen(function* () {
        const { codex, home, run, server, workspace } = yield* realCodex((_, index) =>
          saying(`answer ${index}`)
        )
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, n) => `question ${n}`),
          run
        )
        // One request to the model per turn: no retry slowed a turn down.
        assert.lengthOf(yield* server.requests, 20)
        assert.deepStrictEqual(
          outcomes.map((outcome) => itemsCompleted(outcome, "agentMessage")[0]?.["text"]),
          outcomes.map((_, index) => `answer ${index}`)
        )
        assert.deepStrictEqual(
          (yield* server.requests).map((request) => request.lastUserText),
          outcomes.map((_, index) => `question ${index}`)
        )
        return { pid: codex.pid, home, workspace }
      }).pipe(Effect.scoped)
      assert.throws(() => process.kill(left.pid, 0), /ESRCH/)
      assert.isFalse(yield* fs.exists(left.home))
      assert.isFalse(yield* fs.exists(left.workspace))
    })
  )
})
