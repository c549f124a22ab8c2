/** Attacks of the agent on files of its host: staged attachments and rules files. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Fs from "node:fs"
import * as Layer from "effect/Layer"
import { dirname, join } from "node:path"
import * as Approval from "../../src/Approval.ts"
import { Attachments } from "../../src/attachment/Attachments.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as CommandLine from "../../test/support/commandLine.ts"
import * as AgentCalls from "../../test/support/agentCalls.ts"
import * as Real from "../../test/support/realEngine.ts"
import type { Attack } from "./Attack.ts"

export const hostFiles: ReadonlyArray<Attack> = [
  {
    id: "H05",
    title: "an agent that replaces the directory of a staged file by a link deletes nothing outside",
    run: Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const outside = yield* fs.makeTempDirectoryScoped({ prefix: "attack-" })
      const victim = join(outside, "notes.md")
      Fs.writeFileSync(victim, "the host's")
      let folder = ""
      const real = yield* Real.make([
        () => M.reply(M.shell(`mv ${folder} ${folder}-away && ln -s ${outside} ${folder}`)),
        M.reply(M.text("done"))
      ])
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const { path } = yield* attachments.stageBytes(Buffer.from("ours"), { name: "notes.md" })
        folder = dirname(path)
        const thread = yield* real.start()
        yield* thread.run("go")
      }).pipe(
        Effect.scoped,
        Effect.provide([real.layer, Attachments.layerOptions({ directory: join(real.workspace, "staged") })])
      )
      if (!Fs.existsSync(victim)) return "the host deleted a file outside for the agent"
      return "held"
    }),
    mutant: {
      file: "src/attachment/StagingDirectory.ts",
      original: "PrivateDirectory.at(file.path, (path) => fs.remove(path))",
      mutated: "fs.remove(file.path)"
    }
  },
  {
    id: "H07",
    title: "rules that one run wrote into the workspace do not decide in the next",
    run: Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const cwd = yield* Effect.flatMap(fs.makeTempDirectoryScoped({ prefix: "attack-" }), fs.realPath)
      const rules = JSON.stringify([{ command: ["touch", `${cwd}/owned`], decision: "accept" }])
      const server = yield* M.make([
        M.reply(M.shell(`echo '${rules}' > rules.json`)),
        M.reply(M.text("done")),
        M.reply(M.shell(`touch ${cwd}/owned`, { escalate: "it is needed" })),
        M.reply(M.text("done"))
      ])
      const env = yield* M.home(server)
      const run = (...args: ReadonlyArray<string>) =>
        CommandLine.run({ args: ["run", "--cd", cwd, ...args, "go"], env, cwd })
      yield* run()
      if (!Fs.readFileSync(`${cwd}/rules.json`, "utf8").includes("owned"))
        return "the first run wrote no rules"
      const { code } = yield* run("--approve", "rules.json")
      if (Fs.existsSync(`${cwd}/owned`)) return "the agent accepted its own request"
      return code === 2 ? "held" : `the rules were read, and the run ended with ${code}`
    }),
    mutant: {
      file: "src/cli/ProtectedFile.ts",
      original: "if (root === undefined) return undefined",
      mutated: 'if (root !== "") return undefined'
    }
  },
  {
    id: "H26",
    title: "an agent to which a policy grants everything that it asks for forges no telemetry in the spool",
    run: Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const host = yield* Effect.flatMap(
        fs.makeTempDirectoryScoped({ prefix: "attack-", directory: "/var/tmp" }),
        fs.realPath
      )
      const spool = join(host, "spool")
      const forge = M.reply(M.shell(`echo forged > ${spool}/forged`))
      const real = yield* Real.make(
        [AgentCalls.askWrite(host), AgentCalls.askWrite(spool), forge, M.reply(M.text("done"))],
        {
          config: AgentCalls.permissionsTool
        }
      )
      const telemetry = Otlp.layer({ spool: { directory: spool }, signals: ["traces"] }).pipe(
        Layer.provide(Layer.succeed(Settings.Environment, { HOME: "/nonexistent" }))
      )
      yield* Effect.flatMap(real.start({ sandbox: "read-only" }), (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide([real.layer, telemetry, Approval.layer(Approval.allow)])
      )
      return Fs.existsSync(join(spool, "forged")) ? "the agent wrote the spool" : "held"
    }),
    mutant: {
      file: "src/approval/DecisionValidation.ts",
      original: "if (hostFilesBelow(entry, resolved) !== undefined) return false",
      mutated: ""
    }
  },
  {
    id: "H27",
    title: "an agent to which a policy grants everything that it asks for writes no rules for itself",
    run: Effect.gen(function* () {
      let home = ""
      const real = yield* Real.make(
        [
          () => AgentCalls.askWrite(home),
          () => AgentCalls.askWrite(dirname(home)),
          () => AgentCalls.askWrite(`${home}/rules`),
          () => M.reply(M.shell(`mkdir -p ${home}/rules; echo > ${home}/rules/owned.rules`)),
          M.reply(M.text("done"))
        ],
        { config: AgentCalls.permissionsTool }
      )
      home = real.env.CODEX_HOME
      yield* Effect.flatMap(real.start({ sandbox: "read-only" }), (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide([real.layer, Approval.layer(Approval.allow)])
      )
      return Fs.existsSync(`${home}/rules/owned.rules`) ? "the agent wrote rules of Codex" : "held"
    }),
    mutant: {
      file: "src/engine/AppServer.ts",
      original: "home: AppServerProcess.homeOf(options, yield* Path.Path)",
      mutated: 'home: "/nonexistent/home"'
    }
  }
]
