/** Requests of every kind, made up for tests. */
import * as Path from "node:path"
import type * as Approval from "../../src/Approval.ts"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"

const of = (id: string) => ({ id, itemId: ItemId.make(id) })

/** Paths without links, in a thread at /srv whose agent can write nothing. */
export const resolved = (paths: ReadonlyArray<string> = [], more: Partial<Approval.ResolvedPath> = {}) => ({
  cwd: "/srv",
  cwdThroughLink: false,
  threadCwd: "/srv",
  paths: paths.map((given) => ({
    given,
    real: Path.resolve("/srv", given),
    throughLink: false,
    agentWritable: false,
    ...more
  }))
})

export const command = (script: string, more: Partial<typeof Approval.CommandRequest.Type> = {}) =>
  ({
    _tag: "Command",
    ...of("c1"),
    command: script,
    script,
    argv: script.split(" "),
    cwd: "/srv",
    extra: false,
    resolved: { ...resolved(), cwd: more.cwd ?? "/srv" },
    ...more
  }) as const satisfies Approval.ApprovalRequest

export const fileChange = (...paths: ReadonlyArray<string>) =>
  ({
    _tag: "FileChange",
    ...of("f1"),
    changes: paths.map((path) => ({ path, kind: "update", diff: "@@" }) as const),
    cwd: "/srv",
    extra: false,
    resolved: resolved(paths)
  }) as const satisfies Approval.ApprovalRequest

export const permissions = (asked: Approval.Permissions) =>
  ({
    _tag: "Permissions",
    ...of("p1"),
    permissions: asked,
    cwd: "/srv",
    resolved: resolved(asked.fileSystem.flatMap(({ place }) => (place._tag === "Path" ? [place.path] : [])))
  }) as const satisfies Approval.ApprovalRequest

export const tool = (name: string, args: unknown) =>
  ({ _tag: "Tool", ...of("t1"), tool: name, arguments: args }) as const satisfies Approval.ApprovalRequest

export const mcpTool = (server: string, name: string, args: unknown = {}) =>
  ({
    _tag: "McpTool",
    ...of("m1"),
    server,
    tool: name,
    arguments: args,
    message: "Allow?"
  }) as const satisfies Approval.ApprovalRequest

export const form = (schema: unknown) =>
  ({
    _tag: "Elicitation",
    ...of("e1"),
    server: "things",
    message: "Who is it?",
    mode: "form",
    schema
  }) as const satisfies Approval.ApprovalRequest

export const url = (address: string) =>
  ({
    _tag: "Elicitation",
    ...of("e1"),
    server: "things",
    message: "Please open",
    mode: "url",
    url: address
  }) as const satisfies Approval.ApprovalRequest

/** A question with the options red and blue. */
export const question = (id: string, more: Partial<Approval.Question> = {}) =>
  ({
    _tag: "UserInput",
    ...of("q1"),
    questions: [
      {
        id,
        header: "Colour",
        question: "Which one?",
        other: false,
        secret: false,
        options: [
          { label: "red", description: "warm" },
          { label: "blue", description: "cold" }
        ],
        ...more
      }
    ]
  }) as const satisfies Approval.ApprovalRequest

export const unknown = { _tag: "Unknown", ...of("u1"), method: "item/new/ask", payload: {} } as const

/** One of every kind. */
export const all: ReadonlyArray<Approval.ApprovalRequest> = [
  command("touch a"),
  fileChange("a.ts"),
  permissions({ network: true, fileSystem: [] }),
  tool("deploy", { to: "a" }),
  mcpTool("things", "write_it"),
  form({ type: "object", properties: { name: { type: "string" } }, required: ["name"] }),
  url("http://127.0.0.1/"),
  question("which"),
  unknown
]

const sessions = new Map<string, object>()

/** Who asks: one session for each thread of that name. `agent` is the thread of a sub-agent of it. */
export const asking = (thread: string, agent = thread): Approval.ApprovalContext => {
  const session = sessions.get(thread) ?? {}
  sessions.set(thread, session)
  return {
    threadId: ThreadId.make(agent),
    openedThreadId: ThreadId.make(thread),
    turnId: TurnId.make("turn-1"),
    session,
    cwd: "/srv",
    sandbox: "read-only",
    network: false,
    writableRoots: []
  }
}
