import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as ChildEnvironment from "../../../src/engine/app-server/ChildEnvironment.ts"
import * as TraceContext from "../../../src/internal/TraceContext.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

const run = Effect.flatMap(Fake.startThread, (thread) => thread.run("go"))

describe("the environment of the Codex process", () => {
  const host = {
    PATH: "/bin",
    HOME: "/home/me",
    LC_ALL: "C",
    https_proxy: "http://proxy",
    CODEX_FEATURE: "1",
    OPENAI_API_KEY: "sk-1",
    AZURE_OPENAI_ENDPOINT: "https://a",
    TRACEPARENT: "00-1-1-01",
    TRACESTATE: "a=b",
    traceparent: "00-1-1-01",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret",
    OTEL_RESOURCE_ATTRIBUTES: "a=b",
    CODEX_OTLP_HEADERS: "authorization=secret",
    CODEX_OTEL_ENDPOINT: "http://x",
    AWS_SECRET_ACCESS_KEY: "aws",
    GITHUB_TOKEN: "gh",
    NPM_TOKEN: "npm",
    DATABASE_URL: "postgres://u:p@h/d",
    NODE_OPTIONS: "--require x",
    LD_PRELOAD: "x.so",
    MY_KEY: "k1",
    MY_OTHER_KEY: "k2",
    MY_HEADER: "k3",
    MCP_TOKEN: "k4",
    MCP_EXTRA: "k5"
  }
  const always = [
    "AZURE_OPENAI_ENDPOINT",
    "CODEX_FEATURE",
    "HOME",
    "LC_ALL",
    "OPENAI_API_KEY",
    "PATH",
    "https_proxy"
  ]
  const chosen = (
    configurations: ReadonlyArray<string>,
    extra: Readonly<Record<string, string | undefined>> = {}
  ) => Object.keys(ChildEnvironment.select(host, configurations, extra)).toSorted()

  it("F40 is an allow-list", () => {
    assert.deepStrictEqual(chosen([]), always)
  })

  const naming: ReadonlyArray<readonly [config: string, ...names: ReadonlyArray<string>]> = [
    ['[model_providers.mine]\nenv_key = "MY_KEY"', "MY_KEY"],
    ['model_providers.mine.env_key="MY_KEY"', "MY_KEY"],
    ["model_providers.mine.env_key=MY_KEY", "MY_KEY"],
    [
      'model_providers.mine={name="m",env_key="MY_KEY",env_http_headers={"x-y"="MY_HEADER"}}',
      "MY_HEADER",
      "MY_KEY"
    ],
    [
      '[profiles.p.model_providers.a]\nenv_key = "MY_KEY"\n[model_providers.b]\nenv_key = "MY_OTHER_KEY"',
      "MY_KEY",
      "MY_OTHER_KEY"
    ],
    [
      '[mcp_servers.s]\ncommand = "x"\nenv_vars = ["MCP_TOKEN", { name = "MCP_EXTRA", source = "local" }]',
      "MCP_EXTRA",
      "MCP_TOKEN"
    ],
    ['[mcp_servers.s]\nurl = "x"\nbearer_token_env_var = "MCP_TOKEN"', "MCP_TOKEN"],
    ['[mcp_servers.s.env]\nMCP_TOKEN = "MCP_EXTRA"'],
    ['[mcp_servers.s]\nargs = ["MY_KEY"]\ncommand = "MCP_TOKEN"'],
    ["this is = not toml ["],
    ["model=gpt-5"],
    [""]
  ]
  for (const [config, ...names] of naming) {
    it(`has what a configuration names: ${JSON.stringify(config)}`, () => {
      assert.deepStrictEqual(chosen([config]), [...always, ...names].toSorted())
    })
  }

  it("includes variables that the caller adds and omits those that the caller removes", () => {
    assert.deepStrictEqual(
      chosen([], { OPENAI_API_KEY: undefined, EXTRA: "1", TRACEPARENT: "mine" }),
      [...always.filter((name) => name !== "OPENAI_API_KEY"), "EXTRA", "TRACEPARENT"].toSorted()
    )
  })

  test("F40 reaches the process, including the variables that config.toml and the overrides name", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const fake = yield* Fake.make({})
      yield* fs.writeFileString(`${fake.folder}/config.toml`, '[model_providers.mine]\nenv_key = "MY_KEY"\n')
      const before = { ...process.env }
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(process.env, host, { PATH: before["PATH"], HOME: before["HOME"] })),
        () =>
          Effect.sync(() => {
            for (const name of Object.keys(host)) delete process.env[name]
            Object.assign(process.env, before)
          })
      )
      yield* run.pipe(
        Effect.provide(
          fake.layer({
            env: { CODEX_HOME: fake.folder, ADDED: "1" },
            config: ["model_providers.b.env_key=MY_OTHER_KEY"]
          })
        )
      )
      const [child] = yield* fake.processes
      const { env = {}, argv } = child ?? {}
      assert.deepInclude(env, {
        MY_KEY: "k1",
        MY_OTHER_KEY: "k2",
        ADDED: "1",
        OPENAI_API_KEY: "sk-1",
        CODEX_HOME: fake.folder
      })
      assert.isString(env["PATH"])
      const secret =
        /^(?:OTEL_|AWS_|TRACE|CODEX_OT|GITHUB|NPM_TOKEN|DATABASE|NODE_OPTIONS|LD_|MCP_|MY_HEADER)/i
      assert.deepStrictEqual(
        Object.keys(env).filter((name) => secret.test(name)),
        []
      )
      const [command, ...overrides] = argv ?? []
      assert.deepStrictEqual(
        [command, ...overrides.slice(2)],
        ["app-server", "-c", "thread_unload_delay_secs=0", "-c", "model_providers.b.env_key=MY_OTHER_KEY"]
      )
      assert.match(
        overrides.slice(0, 2).join(" "),
        /^-c shell_environment_policy\.exclude=\[.*"MY_OTHER_KEY".*\]$/
      )
    }))
})

describe("the trace context that Codex receives", () => {
  const recording = () => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return { spans, tracer, named: (name: string) => spans.find((span) => span.name.startsWith(name)) }
  }
  const traceOf = (fake: Effect.Success<ReturnType<typeof Fake.make>>, method: string) =>
    Effect.map(fake.of(method), ([message]) => message?.trace)

  test("is the turn's invoke_agent span in the caller's trace", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const { named, tracer } = recording()
      yield* run.pipe(
        Effect.withSpan("mine"),
        Effect.provide(fake.layer()),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      const [mine, agent, engine] = [named("mine"), named("invoke_agent"), named("codex.engine.start")]
      assert.strictEqual(agent?.traceId, mine?.traceId)
      assert.strictEqual(Option.getOrUndefined(agent?.parent ?? Option.none())?.spanId, mine?.spanId)
      assert.deepStrictEqual(yield* traceOf(fake, "turn/start"), {
        traceparent: `00-${mine?.traceId}-${agent?.spanId}-01`
      })
      assert.deepStrictEqual(yield* traceOf(fake, "initialize"), {
        traceparent: `00-${engine?.traceId}-${engine?.spanId}-01`
      })
      assert.include((yield* traceOf(fake, "thread/start"))?.traceparent, mine?.traceId ?? "?")
    }))

  test("continues a remote parent with its tracestate", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({})
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const remote = TraceContext.parse(`00-${traceId}-b7ad6b7169203331-01`, "lab=9")
      yield* run.pipe(Effect.withParentSpan(Option.getOrThrow(remote)), Effect.provide(fake.layer()))
      const trace = yield* traceOf(fake, "turn/start")
      assert.include(trace?.traceparent, traceId)
      assert.strictEqual(trace?.tracestate, "lab=9")
    }))

  test("differs for two concurrent turns", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("x", { wait: 30 })] } })
      const seen = yield* Effect.forEach(
        ["a", "b", "c"],
        (name) =>
          run.pipe(
            Effect.andThen(Effect.map(Effect.currentSpan, ({ traceId }) => traceId)),
            Effect.withSpan(name)
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(fake.layer()))
      const sent = (yield* fake.of("turn/start")).map(({ trace }) => trace?.traceparent.slice(3, 35))
      assert.sameMembers(sent, seen)
    }))

  test("is absent while tracing is off, and unsampled for an unsampled span", () =>
    Effect.gen(function* () {
      const off = yield* Fake.make({})
      yield* run.pipe(Effect.withSpan("mine"), Effect.provide(off.layer()), Effect.withTracerEnabled(false))
      assert.deepStrictEqual(
        (yield* off.received).filter((message) => message.trace !== undefined),
        []
      )
      const inner = yield* Fake.make({})
      yield* run.pipe(Effect.withTracerEnabled(false), Effect.withSpan("mine"), Effect.provide(inner.layer()))
      assert.deepStrictEqual(
        (yield* inner.of("turn/start")).filter((message) => message.trace !== undefined),
        []
      )
      const unsampled = yield* Fake.make({})
      yield* run.pipe(Effect.withSpan("mine", { sampled: false }), Effect.provide(unsampled.layer()))
      assert.match((yield* traceOf(unsampled, "turn/start"))?.traceparent ?? "", /-00$/)
    }))

  test("does not break the turn when the tracer throws", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.turn(
              "fine",
              Fake.ofTurn("item/started", {
                item: {
                  type: "commandExecution",
                  id: "c1",
                  command: "ls",
                  cwd: "/",
                  status: "inProgress",
                  commandActions: []
                }
              })
            )
          ]
        }
      })
      class Broken extends Tracer.NativeSpan {
        override attribute() {
          throw new Error("the tracer is broken")
        }
        override end() {
          throw new Error("the tracer is broken")
        }
      }
      const tracer = Tracer.make({
        span: (options) =>
          /^(?:chat|execute_tool)/.test(options.name) ? new Broken(options) : new Tracer.NativeSpan(options)
      })
      const exit = yield* Effect.exit(run).pipe(
        Effect.provide(fake.layer()),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      assert.strictEqual(Exit.isSuccess(exit) ? exit.value.message : String(exit.cause), "fine")
    }))

  test("comes from spans that each end exactly once, however the turn ends", () =>
    Effect.gen(function* () {
      const command = Fake.ofTurn("item/started", {
        item: {
          type: "commandExecution",
          id: "c1",
          command: "ls",
          cwd: "/",
          status: "inProgress",
          commandActions: []
        }
      })
      const endings: ReadonlyArray<ReadonlyArray<Fake.Step>> = [
        [command, Fake.ended()],
        [command, Fake.ended("failed", { message: "no" })],
        [command, Fake.ended("interrupted")],
        [command, { wait: 20 }, { exit: 1 }],
        [command]
      ]
      for (const ending of endings) {
        const ends = new Map<Tracer.Span, number>()
        class Counted extends Tracer.NativeSpan {
          override end(time: bigint, exit: Exit.Exit<unknown, unknown>) {
            super.end(time, exit)
            ends.set(this, (ends.get(this) ?? 0) + 1)
          }
        }
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Counted(options)
            ends.set(span, 0)
            return span
          }
        })
        const fake = yield* Fake.make({ on: { "turn/start": [[...Fake.begin, ...ending]] } })
        yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go", { timeout: "1 second" })).pipe(
          Effect.exit,
          Effect.scoped,
          Effect.provide(fake.layer()),
          Effect.provideService(Tracer.Tracer, tracer)
        )
        for (const [span, count] of ends) assert.strictEqual(count, 1, span.name)
        assert.isTrue([...ends.keys()].some((span) => span.name.startsWith("execute_tool")))
      }
    }))
})
