import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as Approval from "../../src/Approval.ts"
import type { Sandbox } from "../../src/domain/TurnOptions.ts"
import * as Hostile from "../../src/testing/Hostile.ts"
import { test } from "../support/live.ts"

const sandboxes: ReadonlyArray<Sandbox> = ["read-only", "workspace-write"]
const decodeRules = Schema.decodeUnknownSync(Schema.Array(Approval.ApprovalRule))
const ask: Approval.Policy = () => Effect.succeed(Approval.decline("a person is asked"))

/** Returns the text of the array that starts at `from`. */
const arrayAt = (text: string, from: number): string => {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === "[") depth++
    if (text[at] === "]" && --depth === 0) return text.slice(from, at + 1)
  }
  throw new Error("the array does not end")
}

/** Every list of rules in a file: JSON, or an argument of `Approval.rules` in TypeScript. */
const rulesIn = (file: string): ReadonlyArray<ReadonlyArray<Approval.ApprovalRule>> => {
  const text = readFileSync(file, "utf8")
  const starts = file.endsWith(".json")
    ? [text.indexOf("[")]
    : [...text.matchAll(/Approval\.rules\((?=\[)|```json[^\n]*\n(?=\[)/g)].map(
        (match) => match.index + match[0].length
      )
  return starts.map((start) =>
    decodeRules(JSON.parse(arrayAt(text, start).replaceAll(/(?<=[{,]\s*)(\w+):/g, '"$1":')))
  )
}

describe.concurrent("the policies that the documentation shows", () => {
  const files = {
    "README.md": 0,
    "examples/approvals.ts": 1,
    "examples/queue.ts": 1,
    "docs/approvals.md": 2,
    "docs/cli.md": 1,
    "docs/security.md": 1,
    "docs/rules.example.json": 1
  }
  for (const [file, atLeast] of Object.entries(files)) {
    test(`H04 withstand the attacks of Hostile: ${file}`, () =>
      Effect.gen(function* () {
        const lists = rulesIn(file)
        assert.isAtLeast(lists.length, atLeast)
        for (const sandbox of sandboxes) {
          for (const list of lists) {
            const policy = Approval.remember(Approval.rules(list, ask), { like: Approval.sameCommand(2) })
            assert.deepStrictEqual(yield* Hostile.check(policy, { sandbox }), [], sandbox)
          }
        }
      }))
  }

  test("accept what they name", () =>
    Effect.sync(() => {
      const [rules = []] = rulesIn("docs/rules.example.json")
      assert.isTrue(rules.some((rule) => rule.decision === "accept" && rule.command !== undefined))
      assert.isTrue(rules.some((rule) => rule.decision === "accept" && rule.path !== undefined))
    }))
})

const accepts =
  (test: (request: Approval.ApprovalRequest) => boolean): Approval.Policy =>
  (request) =>
    Effect.succeed(test(request) ? Approval.accept : Approval.decline("no"))

const script = (test: (script: string) => boolean): Approval.Policy =>
  accepts((request) => request._tag === "Command" && !request.extra && test(request.script))

const words = (line: string) => line.split(" ").join(" ")
const starts = (prefix: string) => script((text) => text.startsWith(prefix))
const sessionFor = (
  like: Approval.RequestEquivalence,
  bait: (request: Approval.ApprovalRequest) => boolean
) =>
  Approval.remember(
    (request) => Effect.succeed(bait(request) ? Approval.acceptForSession : Approval.decline("no")),
    { like }
  )
const commandLine = (request: Approval.ApprovalRequest) => (request._tag === "Command" ? request.script : "")
const diffOf = (request: Approval.ApprovalRequest) =>
  request._tag === "FileChange" ? request.changes.map(({ diff }) => diff).join("") : ""
/** Accepts what Codex offers first with a request of a kind, and so what the model may have proposed. */
const blindly =
  (tag: Approval.Amendment["_tag"]): Approval.Policy =>
  (request) => {
    const [amendment] = "amendments" in request ? (request.amendments ?? []) : []
    return Effect.succeed(
      amendment?._tag === tag ? Approval.acceptWithAmendment(amendment) : Approval.decline("no")
    )
  }
const pathOf = (request: Approval.ApprovalRequest) =>
  request._tag === "FileChange" ? request.changes.map(({ path }) => path).join() : ""

/** A policy with one mistake for each attack. */
const mistakes: Readonly<Record<string, Approval.Policy>> = {
  "H01 a command with escape sequences that hide a part of it": starts("date\u001b"),
  "H02 a command that does something else after many blanks and lines": script(
    (text) => text.slice(0, 60).trim() === "date"
  ),
  "shell syntax behind a command": starts("docker ps;"),
  "shell syntax before a command": script((text) => text.endsWith(" docker ps")),
  "H04 arguments with which a program runs another one": accepts((request) =>
    Approval.matches({ command: ["git", "log", "**"], decision: "accept" }, request)
  ),
  "H04 a command in a directory of the agent's": accepts(
    (request) => request._tag === "Command" && request.argv?.join(" ") === "date"
  ),
  "H04 a program that runs files of the workspace, where the agent can write": accepts((request) =>
    Approval.matches({ command: ["npm", "test"], decision: "accept" }, request)
  ),
  "H22 a shell of the agent's that has the name of a shell": accepts(
    (request) => request._tag === "Command" && request.command.endsWith("sh -c 'date'")
  ),
  "a command that also requests network access, files or input of another command": accepts(
    (request) => request._tag === "Command" && words(request.script) === "date" && request.extra
  ),
  "H06 a patch through a link": accepts(
    (request) => request._tag === "FileChange" && request.changes.every(({ path }) => /\/docs\/\w/.test(path))
  ),
  "H06 a patch that leaves its directory": accepts((request) => /\/docs\/\.\./.test(pathOf(request))),
  "a patch outside of the workspace, or of the files that run there": accepts((request) =>
    Approval.matches({ kind: "file_change", path: "**", decision: "accept" }, request)
  ),
  "H03 permissions through a link": accepts(
    (request) => request._tag === "Permissions" && JSON.stringify(request.permissions).includes("/docs/link")
  ),
  "H03 permissions for everything, or for what holds secrets": accepts(
    (request) => request._tag === "Permissions" && JSON.stringify(request.permissions).includes(".ssh")
  ),
  "H27 a lasting approval of a command prefix that is wider than the command, or of the agent's files":
    blindly("ExecPolicy"),
  "H27 a lasting approval of a host that the agent chooses": blindly("Network"),
  "H27 a lasting approval of an MCP tool with any arguments": blindly("McpTool"),
  "H11 an MCP server that asks for itself": accepts((request) => request._tag === "Elicitation"),
  "H12 another patch of a file after one that was accepted for the session": sessionFor(
    (accepted, requested) => pathOf(accepted) !== "" && pathOf(accepted) === pathOf(requested),
    (request) => diffOf(request) === "+harmless"
  ),
  "H19 a patch below the directory of one that was accepted for the session": sessionFor(
    (accepted, requested) => pathOf(requested).startsWith(pathOf(accepted).replace(/[^/]*$/, "")),
    (request) => pathOf(request).endsWith("notes.txt")
  ),
  "H19 another script for an interpreter that was accepted for the session": sessionFor(
    (accepted, requested) => commandLine(requested).split(" ")[0] === commandLine(accepted).split(" ")[0],
    (request) => commandLine(request) === "python3 a.py"
  )
}

/** No policy can make these mistakes: the library never sends such an acceptance. */
const prevented = ["a patch of unknown files", "H03 permissions where the agent can put a link later"]

describe.concurrent("a policy with a mistake", () => {
  for (const attack of Hostile.attacks.filter((name) => !prevented.includes(name))) {
    test(`lets through: ${attack}`, () =>
      Effect.gen(function* () {
        const policy = mistakes[attack]
        if (policy === undefined) return yield* Effect.die(new Error(`no policy for ${attack}`))
        const breaches = yield* Hostile.check(policy, { sandbox: "workspace-write" })
        assert.include(
          breaches.map((breach) => breach.attack),
          attack
        )
        for (const { decision } of breaches) assert.isTrue(Approval.isGranted(decision))
      }))
  }

  test("cannot grant what the agent can replace by a link", () =>
    Effect.gen(function* () {
      const breaches = yield* Hostile.check(Approval.allow, { sandbox: "workspace-write" })
      assert.deepStrictEqual(
        Hostile.attacks.filter((name) => !breaches.some(({ attack }) => attack === name)),
        // An acceptance grants nothing that lasts.
        [...prevented, ...Hostile.attacks.filter((name) => /^H(?:27|1[29]) /.test(name))]
      )
    }))
})

describe("a check", () => {
  test("plays in the directory that the policy names, and does not touch it", () =>
    Effect.gen(function* () {
      const seen = new Set<string | undefined>()
      const policy: Approval.Policy = (request) =>
        Effect.map(Approval.ApprovalContext, ({ cwd, writableRoots }) => {
          seen.add(cwd).add(writableRoots.join())
          return "cwd" in request && request.resolved?.threadCwd !== "/srv/app"
            ? Approval.accept
            : Approval.cancel
        })
      const options = { sandbox: "workspace-write", cwd: "/srv/app" } as const
      assert.deepStrictEqual(yield* Hostile.check(policy, options), [])
      assert.deepStrictEqual([...seen], ["/srv/app"])
    }))

  test("does not wait for a person", () =>
    Effect.gen(function* () {
      const options = { sandbox: "read-only", timeout: "1 milli" } as const
      assert.deepStrictEqual(yield* Hostile.check(() => Effect.never, options), [])
    }))
})
