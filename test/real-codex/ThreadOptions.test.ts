/** Each option of a thread and of a turn has its effect on Codex, or is refused before anything starts. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { Codex } from "../../src/Codex.ts"
import type { SettingsOptions } from "../../src/domain/SettingsOptions.ts"
import * as Approval from "../../src/Approval.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as M from "../../src/testing/ModelServer.ts"
import { test } from "../support/live.ts"
import * as Real from "../support/realEngine.ts"

/** `/tmp` is writable otherwise, and the workspaces of tests are there. */
const noTemporary = "sandbox_workspace_write.exclude_slash_tmp = true"

describe.concurrent("options of a thread", () => {
  test("reach the model: instructions, provider, tier, effort, summary and web search", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(["1", "2", "3"].map((text) => M.reply(M.text(text))))
      yield* Effect.gen(function* () {
        const provider = { name: "other", base_url: `${real.server.url}/v1`, wire_api: "responses" }
        const thread = yield* real.start({
          baseInstructions: "You are a base.",
          provider: "other",
          serviceTier: "flex",
          effort: "low",
          summary: "detailed",
          webSearch: "live",
          config: { "model_providers.other": { ...provider, env_key: "MOCK_API_KEY" } }
        })
        yield* thread.run("go")
        assert.deepInclude(yield* thread.settings, {
          cwd: real.workspace,
          provider: "other",
          model: "gpt-5.5",
          effort: "low",
          serviceTier: "flex",
          sandbox: "workspace-write",
          network: false,
          approvalMode: "on-request",
          reviewer: "user"
        })
        yield* thread.run("go", { effort: "high", summary: "concise", serviceTier: "priority" })
        yield* thread.run("go")
        assert.deepInclude(yield* thread.settings, {
          effort: "high",
          summary: "concise",
          serviceTier: "priority"
        })
      }).pipe(Effect.provide(real.layer))
      const bodies = (yield* real.server.requests).map(({ body }) => body)
      assert.include(JSON.stringify(bodies[0]), "You are a base.")
      assert.include(JSON.stringify(bodies[0]?.["tools"]), '"type":"web_search","external_web_access":true')
      assert.deepStrictEqual(
        bodies.map((body) => [body["reasoning"], body["service_tier"]]),
        [
          [{ effort: "low", summary: "detailed" }, "flex"],
          [{ effort: "high", summary: "concise" }, "priority"],
          [{ effort: "high", summary: "concise" }, "priority"]
        ]
      )
    }))

  test("let commands write further directories and use the network", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = Effect.flatMap(fs.makeTempDirectoryScoped(), fs.realPath)
      const [root, additional, other] = [yield* directory, yield* directory, yield* directory]
      let port = ""
      const probe = (name: string) => () => {
        const tries = [root, additional, other].map((path) => `touch ${path}/a`)
        const commands = [...tries, `(exec 3<>/dev/tcp/127.0.0.1/${port})`]
        return M.reply(M.shell(commands.map((command) => `${command} && echo ${name} >> log`).join("; ")))
      }
      const done = M.reply(M.text("done"))
      const script = ["plain", "wide", "turn", "after"].flatMap((name) => [probe(name), done])
      const real = yield* Real.make(script, { config: noTemporary })
      port = new URL(real.server.url).port
      const wide = {
        sandbox: "workspace-write",
        writableRoots: [root],
        additionalDirectories: [additional],
        network: true
      } as const
      yield* Effect.gen(function* () {
        const plain = yield* real.start({ approvalMode: "never" })
        yield* plain.run("go")
        assert.deepInclude(yield* plain.settings, {
          network: false,
          writableRoots: [],
          additionalDirectories: []
        })
        const thread = yield* real.start({ approvalMode: "never", ...wide })
        yield* thread.run("go")
        const settings = yield* thread.settings
        assert.deepInclude(settings, { network: true, additionalDirectories: [additional] })
        assert.include(settings.writableRoots, root)
        // The options of a turn hold for the later turns of the handle too.
        yield* plain.run("go", wide)
        yield* plain.run("go")
      }).pipe(Effect.provide(real.layer))
      const log = (yield* fs.readFileString(`${real.workspace}/log`)).trim().split("\n")
      assert.deepStrictEqual(
        log,
        ["wide", "turn", "after"].flatMap((name) => [name, name, name])
      )
      assert.isFalse(yield* fs.exists(`${other}/a`))
    }))

  test("select the kinds of approval requests, for a thread or a turn", () =>
    Effect.gen(function* () {
      const escalated = (name: string) => [
        M.reply(M.shell(`touch ${name}`, { escalate: "it is needed" })),
        M.reply(M.text("done"))
      ]
      const real = yield* Real.make([...escalated("a"), ...escalated("b"), ...escalated("c")])
      const asked: Array<string> = []
      const policy: Approval.Policy = (request) =>
        Effect.sync(() => {
          asked.push(request._tag)
          return Approval.accept
        })
      yield* Effect.gen(function* () {
        const thread = yield* real.start({ approvalMode: { granular: { rules: true } } })
        yield* thread.run("go")
        assert.deepStrictEqual(asked, [])
        assert.deepInclude(yield* thread.settings, {
          approvalMode: {
            granular: { sandbox: false, rules: true, skills: false, permissions: false, elicitations: false }
          }
        })
        yield* thread.run("go", { approvalMode: { granular: { sandbox: true } } })
        assert.deepStrictEqual(asked, ["Command"])
        yield* thread.run("go", { approvalMode: "never" })
        assert.deepStrictEqual(asked, ["Command"])
      }).pipe(Effect.provide(real.layer), Effect.provide(Approval.layer(policy)))
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "c"], real.exists), [false, true, false])
    }))

  test("name a permission profile or a reviewer", () =>
    Effect.gen(function* () {
      const write = [M.reply(M.shell("touch a")), M.reply(M.text("done"))]
      const real = yield* Real.make([...write, ...write, M.reply(M.text("done"))])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const options = {
          cwd: real.workspace,
          approvalMode: "never",
          permissionProfile: ":read-only"
        } as const
        const thread = yield* codex.startThread(options)
        yield* thread.run("go")
        assert.isFalse(yield* real.exists("a"))
        assert.deepInclude(yield* thread.settings, {
          sandbox: "read-only",
          permissionProfile: { id: ":read-only" }
        })
        yield* thread.run("go", { permissionProfile: ":workspace" })
        assert.isTrue(yield* real.exists("a"))
        const unknown = yield* Effect.flip(thread.run("go", { permissionProfile: "nowhere" }))
        // Codex loads its configuration again, which has no such profile.
        assert.deepInclude(unknown, { _tag: "InvalidRequest", reason: "BadConfig" })
        assert.deepInclude(yield* thread.settings, { permissionProfile: { id: ":workspace" } })
        yield* thread.run("go", { reviewer: "auto_review", approvalMode: "on-request" })
        assert.deepInclude(yield* thread.settings, { reviewer: "auto_review" })
      }).pipe(Effect.provide(real.layer))
      const metadata = (yield* real.server.requests).map(({ body }) =>
        JSON.stringify(body["client_metadata"])
      )
      assert.deepStrictEqual(
        metadata.map((text) => text.includes('auto_review_enabled\\":true')),
        [false, false, false, false, true]
      )
    }))

  test("that Codex reads only when it loads a thread are refused to a second handle", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("one")), M.reply(M.text("two"))])
      yield* Effect.gen(function* () {
        const options = { baseInstructions: "Base A.", webSearch: "disabled" } as const
        const first = yield* real.start(options)
        yield* first.run("go")
        for (const other of [
          { baseInstructions: "Base B." },
          { webSearch: "live" },
          { provider: "other" }
        ] as const) {
          const error = yield* Effect.flip(real.resume(first.id, other))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "Rejected" })
          assert.include(error._tag === "InvalidRequest" ? error.detail : "", Object.keys(other).join())
        }
        const second = yield* real.resume(first.id, options)
        yield* second.run("go")
      }).pipe(Effect.provide(real.layer))
    }))
})

describe("options that contradict each other", () => {
  test("are refused before anything starts, for a thread and for a turn", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [SettingsOptions, string]> = [
        [{ permissionProfile: ":workspace", sandbox: "read-only" }, "permissionProfile replaces sandbox"],
        [{ network: true }, "network requires sandbox"],
        [{ network: false, sandbox: "danger-full-access" }, "requires a sandbox"],
        [{ writableRoots: ["/"], sandbox: "read-only" }, "writableRoots requires"]
      ]
      const codex = yield* Codex
      const thread = yield* codex.startThread({ cwd: "/" })
      for (const [options, detail] of cases) {
        const errors = [
          yield* Effect.flip(codex.startThread(options)),
          yield* Effect.flip(thread.run("go", options))
        ]
        for (const error of errors) {
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
          assert.include(error._tag === "InvalidRequest" ? error.detail : "", detail)
        }
      }
    }).pipe(Effect.provide(TestLayer)))

  test("include directories that do not exist", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        for (const options of [
          { sandbox: "workspace-write", writableRoots: ["/no/such/directory"] },
          { additionalDirectories: ["/no/such/directory"] }
        ] as const) {
          const error = yield* Effect.flip(real.start(options))
          assert.deepInclude(error, { _tag: "InvalidRequest", reason: "BadParams" })
        }
      }).pipe(Effect.provide(real.layer))
    }))
})
