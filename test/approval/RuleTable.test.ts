import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Approval from "../../src/Approval.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import { path } from "../../src/domain/Permissions.ts"
import * as R from "./requests.ts"

const quiet = Effect.provide(Logger.layer([]))

/** A request of each kind, and the rules of its kind that accept it. All other rules do not. */
const requests: Readonly<
  Record<
    string,
    {
      readonly request: Approval.ApprovalRequest
      readonly acceptedBy: ReadonlyArray<Partial<Approval.ApprovalRule>>
    }
  >
> = {
  command: {
    request: R.command("touch a"),
    acceptedBy: [{}, { command: ["touch", "a"] }, { command: ["touch", "**"] }, { cwd: "/srv" }]
  },
  file_change: {
    request: R.fileChange("docs/a"),
    acceptedBy: [{}, { path: "docs/**" }, { path: "/srv/docs/a" }]
  },
  permissions: {
    request: R.permissions({ network: true, fileSystem: [path("write", "/opt/x")] }),
    acceptedBy: [{ network: true, path: "/opt/**", access: "write" }]
  },
  tool: { request: R.tool("deploy", {}), acceptedBy: [{}, { tool: "deploy" }] },
  mcp_tool: {
    request: R.mcpTool("things", "write"),
    acceptedBy: [{}, { server: "things" }, { server: "things", tool: "write" }]
  },
  elicitation: { request: R.url("http://127.0.0.1/"), acceptedBy: [] },
  user_input: { request: R.question("which"), acceptedBy: [] },
  unknown: { request: R.unknown, acceptedBy: [] }
}

/** Every selector of a rule, with values of which some fit one of the requests. */
const selectors: ReadonlyArray<Partial<Approval.ApprovalRule>> = [
  {},
  { command: ["touch", "a"] },
  { command: ["touch", "**"] },
  { command: ["touch"] },
  { command: ["touch", "a", "b"] },
  { command: ["rm", "**"] },
  { cwd: "/srv" },
  { cwd: "/elsewhere" },
  { path: "docs/**" },
  { path: "/srv/docs/a" },
  { path: "/opt/**" },
  { path: "src/**" },
  { path: "/opt/**", access: "write" },
  { path: "/opt/**", network: true },
  { network: true, path: "/opt/**", access: "read" },
  { network: true, path: "/opt/**", access: "write" },
  { network: true },
  { network: false },
  { tool: "deploy" },
  { tool: "other" },
  { server: "things" },
  { server: "things", tool: "write" },
  { server: "other", tool: "write" }
]

const kinds = [undefined, ...Approval.RequestKind.literals]
const sameRule = (a: Partial<Approval.ApprovalRule>, b: Partial<Approval.ApprovalRule>) =>
  JSON.stringify(Object.entries(a).toSorted()) === JSON.stringify(Object.entries(b).toSorted())
/** Kinds that a rule accepts only if it names them. */
const needKind = new Set(["permissions", "mcp_tool"])

describe("the table of requests and rules", () => {
  for (const [kind, { acceptedBy, request }] of Object.entries(requests)) {
    it(`accepts a request of the kind ${kind} by the rules for it and by no other`, () => {
      for (const named of kinds) {
        for (const selector of selectors) {
          const rule = {
            ...(named === undefined ? {} : { kind: named }),
            ...selector,
            decision: "accept"
          } as const
          const expected =
            (named === kind || (named === undefined && !needKind.has(kind))) &&
            acceptedBy.some((accepting) => sameRule(accepting, selector))
          assert.strictEqual(Approval.matches(rule, request), expected, JSON.stringify(rule))
        }
      }
    })

    it.effect(`declines, asks about or leaves open a request of the kind ${kind}`, () =>
      Effect.gen(function* () {
        const ask: Approval.Policy = () => Effect.succeed(Approval.decline("asked"))
        for (const named of kinds) {
          for (const decision of ["accept", "decline", "ask"] as const) {
            const rule = { ...(named === undefined ? {} : { kind: named }), decision }
            const applies = named === undefined || named === kind
            const returned = yield* Approval.rules([rule], ask)(request)
            const label = JSON.stringify(rule)
            if (!applies) assert.deepInclude(returned, { _tag: "Abstain", policy: "rules" }, label)
            else if (decision === "decline")
              assert.deepInclude(returned, { _tag: "Decline", policy: "rules" }, label)
            else if (decision === "ask")
              assert.deepInclude(returned, { _tag: "Decline", reason: "asked" }, label)
            else assert.include(["Accept", "Abstain"], returned._tag, label)
            // A request that no rule accepts is declined.
            if (returned._tag === "Abstain") {
              const decided = yield* decide(Approval.rules([rule], ask), request)
              assert.deepInclude(decided, { _tag: "Decline", reason: "no rule accepts the request" }, label)
            }
          }
        }
      }).pipe(quiet)
    )

    it.effect(
      `declines a request of the kind ${kind} if the policy is broken or its answer does not fit`,
      () =>
        Effect.gen(function* () {
          const broken: Readonly<Record<string, unknown>> = {
            throws: () => {
              throw new Error("broken")
            },
            "returns no effect": () => Approval.accept,
            "returns undefined": () => undefined,
            fails: () => Effect.fail("broken"),
            dies: () => Effect.die("broken"),
            interrupts: () => Effect.interrupt.pipe(Effect.catchCause(() => Effect.fail("interrupted"))),
            "succeeds with nothing": () => Effect.succeed(undefined),
            "succeeds with true": () => Effect.succeed(true),
            "succeeds with another tag": () => Effect.succeed({ _tag: "Yes" }),
            "succeeds with a wrong field": () => Effect.succeed({ _tag: "Accept", given: "all" }),
            abstains: () => Effect.succeed(Approval.abstain)
          }
          for (const [name, policy] of Object.entries(broken)) {
            const decided = yield* decide(policy as Approval.Policy, request)
            assert.strictEqual(decided._tag, "Decline", name)
          }
          const unfit = [
            ...(kind === "permissions" ? [] : [Approval.grant({ network: true, fileSystem: [] })]),
            ...(kind === "user_input" ? [] : [Approval.answer({ which: ["red"] })]),
            Approval.answer({ other: ["red"] }),
            Approval.submit({ owned: true })
          ]
          for (const decision of unfit) {
            const decided = yield* decide(() => Effect.succeed(decision), request)
            assert.strictEqual(decided._tag, "Decline", JSON.stringify(decision))
          }
        }).pipe(quiet)
    )
  }

  it("has a row for every kind", () =>
    assert.deepStrictEqual(Object.keys(requests).toSorted(), [...Approval.RequestKind.literals].toSorted()))

  it.effect("accepts no patch whose files are unknown, whatever the policy says", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* decide(Approval.allow, R.fileChange()), { _tag: "Decline" })
      assert.deepInclude(yield* decide(Approval.allow, R.fileChange("a")), { _tag: "Accept" })
    }).pipe(quiet)
  )
})
