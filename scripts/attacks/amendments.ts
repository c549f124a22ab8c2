/** Attacks of the model on what Codex offers to allow from now on. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Approval from "../../src/Approval.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../../test/support/agentCalls.ts"
import * as ManagedCodex from "../../test/support/managedCodex.ts"
import * as Real from "../../test/support/realEngine.ts"
import type { Attack } from "./Attack.ts"

/** What Codex stored in its home directory: its rules, and the tools that its configuration approves. */
const stored = (home: string): string => {
  const rules = `${home}/rules`
  const files = Fs.existsSync(rules) ? Fs.readdirSync(rules).map((name) => `${rules}/${name}`) : []
  const texts = files.map((file) => Fs.readFileSync(file, "utf8"))
  const approved = Fs.readFileSync(`${home}/config.toml`, "utf8").match(/approval_mode.*/g) ?? []
  return [...texts, ...approved].join().trim()
}

/** Runs a turn of a hostile model. Returns `held` if Codex asks for everything again afterwards. */
const play = Effect.fnUntraced(function* (policy: Approval.Policy, replies: ReadonlyArray<M.Reply>) {
  let asked = 0
  const real = yield* Real.make([...replies, M.reply(M.text("done"))], {
    config: AgentCalls.things,
    engine: { codexPath: yield* ManagedCodex.make }
  })
  yield* Effect.flatMap(real.start(), (thread) => thread.run("go")).pipe(
    Effect.scoped,
    Effect.provideService(Approval.Current, (request) => {
      asked++
      return policy(request)
    }),
    Effect.provide(real.layer)
  )
  const lasting = stored(real.env.CODEX_HOME)
  if (lasting !== "") return `Codex stored ${lasting}`
  return asked === replies.length ? "held" : `Codex asked ${asked} times for ${replies.length} actions`
})

const escalated = (cmd: string, prefix: ReadonlyArray<string>) =>
  M.reply(
    M.call("exec_command", {
      cmd,
      sandbox_permissions: "require_escalated",
      justification: "it is needed",
      prefix_rule: prefix
    })
  )

const call = (name: string) => M.reply(AgentCalls.callThings("write_it", { name }, name))

const connect = (host: string) => M.reply(M.shell(ManagedCodex.connectTo(host)))

export const amendments: ReadonlyArray<Attack> = [
  {
    id: "H27",
    title: "accepting once grants nothing that lasts, whatever the model proposes",
    run: play(
      () => Effect.succeed(Approval.accept),
      [
        escalated("touch a", ["touch"]),
        escalated("bash -c true", ["bash"]),
        escalated("touch b", ["touch"]),
        connect("docs.test"),
        connect("other.test"),
        call("a"),
        call("b")
      ]
    ),
    mutant: {
      file: "src/engine/app-server/ServerRequests.ts",
      original:
        "    reply: decisionReply,\n    declineReply: declineDecision\n  }),\n  // The request has no paths",
      mutated:
        '    reply: (decision) => ApprovalDecision.isGranted(decision) ? { decision: params.availableDecisions?.find((offered) => typeof offered === "object") ?? "accept" } : decisionReply(decision),\n    declineReply: declineDecision\n  }),\n  // The request has no paths'
    }
  },
  {
    id: "H27",
    title: "accepting once never makes an MCP tool run with other arguments",
    run: play(() => Effect.succeed(Approval.accept), [call("a"), call("b")]),
    mutant: {
      file: "src/engine/app-server/AmendmentMapping.ts",
      original: "? { persist: amendment.lasts } : null",
      mutated: '? { persist: amendment.lasts } : { persist: "always" }'
    }
  },
  {
    id: "H27",
    title: "a policy that takes the amendments which Codex offers gets none for several hosts",
    run: play(
      (request) => {
        const [amendment] = request._tag === "Command" ? (request.amendments ?? []) : []
        return Effect.succeed(
          amendment === undefined ? Approval.accept : Approval.acceptWithAmendment(amendment)
        )
      },
      [connect(".test"), connect("*.test")]
    ),
    mutant: {
      file: "src/engine/app-server/AmendmentMapping.ts",
      original: "&& exactHost.test(host)",
      mutated: ""
    }
  }
]
