/** Who may do what: what the agent asks, what is decided, and the policies that decide. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Glob from "effect/Glob"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import * as Nodepath from "node:path"
import { ItemId } from "./Id.ts"
import * as Item from "./Item.ts"
import { oneLine } from "./internal/Printable.ts"

const fields = {
  /** Names this question; one item may ask more than once. */
  id: Schema.String,
  itemId: ItemId,
  /** Why the agent wants it, in its own words. */
  reason: Schema.optionalKey(Schema.String)
}

/**
 * A command that Codex will not run unasked. `script` is what stands inside the shell wrapper of `command`, `argv` the
 * words of it if it is one simple command and nothing else. `extra` means that more than running the command is asked
 * for: input to a running one, network, permissions.
 */
export const CommandRequest = Schema.TaggedStruct("command", {
  ...fields,
  command: Schema.String,
  script: Schema.String,
  argv: Schema.optionalKey(Schema.Array(Schema.String)),
  cwd: Schema.String,
  extra: Schema.Boolean
})

/** A patch that reaches beyond what the sandbox allows. `extra` means that a whole folder is asked for besides. */
export const FileChangeRequest = Schema.TaggedStruct("file_change", {
  ...fields,
  changes: Schema.Array(Item.Change),
  cwd: Schema.String,
  extra: Schema.Boolean
})

/** A call of one of the caller's tools that is marked `needsApproval`. */
export const ToolRequest = Schema.TaggedStruct("tool", {
  ...fields,
  tool: Schema.String,
  arguments: Schema.Unknown
})

export const Request = Schema.Union([CommandRequest, FileChangeRequest, ToolRequest]).pipe(
  Schema.toTaggedUnion("_tag")
)
export type Request = typeof Request.Type
export type Kind = Request["_tag"]

/** Who decided: a policy, a person, an earlier decision for the session, the clock, or nobody. */
export const Source = Schema.Literals(["policy", "user", "session", "timeout", "default"])
export type Source = typeof Source.Type

const origin = { source: Schema.optionalKey(Source), policy: Schema.optionalKey(Schema.String) }

/** `reason` of a decline is for events, logs and spans: Codex tells the model that it was declined, not why. */
export const Decision = Schema.TaggedUnion({
  accept: origin,
  acceptForSession: origin,
  decline: { reason: Schema.String, ...origin },
  cancel: origin
})
export type Decision = typeof Decision.Type

/** Yes, this once. */
export const accept: Decision = { _tag: "accept" }
/** Yes, and the same again without asking while the thread lives. */
export const acceptForSession: Decision = { _tag: "acceptForSession" }
/** No; the turn goes on without it. */
export const decline = (reason: string): Decision => ({ _tag: "decline", reason })
/** No, and the turn ends as interrupted. */
export const cancel: Decision = { _tag: "cancel" }

export const isGranted = (decision: Decision): boolean =>
  decision._tag === "accept" || decision._tag === "acceptForSession"

/** Any function from a request to a decision. One that fails, dies or is interrupted has said no. */
export type Policy<R = never> = (request: Request) => Effect.Effect<Decision, unknown, R>

/** Nobody may do anything. */
export const deny: Policy = () =>
  Effect.succeed({ _tag: "decline", reason: "the policy allows nothing", policy: "deny" })

/** Anybody may do anything that is asked. */
export const allow: Policy = () => Effect.succeed({ _tag: "accept", policy: "allow" })

/** The policy in force where a thread starts. When nobody provides one, nothing is granted. */
export const Current = Context.Reference<Policy>("effect-codex/Approval/Current", {
  defaultValue: () => () =>
    Effect.succeed({ _tag: "decline", reason: "no approver is provided", source: "default", policy: "deny" })
})

/** Puts a policy in force, with whatever services it needs. One around the program wins over one in `Codex.layer`. */
export const layer = <R>(policy: Policy<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    Current,
    Effect.map(
      Effect.context<R>(),
      (services): Policy =>
        (request) =>
          // What the run brings wins: its spans and settings are those of the moment.
          Effect.updateContext(policy(request), (context: Context.Context<never>) =>
            Context.merge(services, context)
          )
    )
  )

/**
 * One line of a policy. `kind`, `command` and `path` must all hold; what is left out holds always.
 *
 * `command` is compared word by word with one simple command; a last `"**"` stands for any further words. `path` is a
 * glob over absolute paths or over paths relative to the working folder: to accept, every path of the change must
 * match; to decline or ask, one is enough. No rule accepts a command with `;`, `|`, `&`, `$(`, backticks, redirection,
 * expansion or a newline, nor one that asks for more than to be run.
 */
export const Rule = Schema.Struct({
  kind: Schema.optionalKey(Schema.Literals(["command", "file_change", "tool"])),
  command: Schema.optionalKey(Schema.NonEmptyArray(Schema.String)),
  path: Schema.optionalKey(Schema.NonEmptyString),
  tool: Schema.optionalKey(Schema.NonEmptyString),
  decision: Schema.Literals(["accept", "decline", "ask"])
})
export type Rule = typeof Rule.Type

const matchesWords = (rule: ReadonlyArray<string>, argv: ReadonlyArray<string>): boolean =>
  rule.at(-1) === "**"
    ? argv.length >= rule.length - 1 && rule.slice(0, -1).every((word, i) => word === argv[i])
    : rule.length === argv.length && rule.every((word, i) => word === argv[i])

const matchesPath = (pattern: string, cwd: string, path: string): boolean => {
  const glob = Glob.make(pattern, { dot: true })
  const absolute = Nodepath.resolve(cwd, path)
  const relative = Nodepath.relative(cwd, absolute)
  return (
    Glob.match(glob, absolute) ||
    (relative !== "" &&
      !relative.startsWith("..") &&
      !Nodepath.isAbsolute(relative) &&
      Glob.match(glob, relative))
  )
}

const paths = (request: typeof FileChangeRequest.Type): ReadonlyArray<string> =>
  request.changes.flatMap((change) =>
    change.movePath === undefined ? [change.path] : [change.path, change.movePath]
  )

/** Whether a rule speaks of a request. Pure; exported for tests of a rule file. */
export const matches = (rule: Rule, request: Request): boolean => {
  if (rule.kind !== undefined && rule.kind !== request._tag) return false
  const accepts = rule.decision === "accept"
  switch (request._tag) {
    case "command":
      if (rule.path !== undefined || rule.tool !== undefined) return false
      if (accepts && (request.extra || request.argv === undefined)) return false
      return (
        rule.command === undefined || (request.argv !== undefined && matchesWords(rule.command, request.argv))
      )
    case "file_change": {
      if (rule.command !== undefined || rule.tool !== undefined) return false
      if (accepts && (request.extra || request.changes.length === 0)) return false
      const pattern = rule.path
      if (pattern === undefined) return true
      const test = (path: string) => matchesPath(pattern, request.cwd, path)
      return accepts ? paths(request).every(test) : paths(request).some(test)
    }
    case "tool":
      if (rule.command !== undefined || rule.path !== undefined) return false
      return rule.tool === undefined || rule.tool === request.tool
  }
}

/** What it takes to ask somebody on the terminal. */
export type Asks = Terminal.Terminal | Stdio.Stdio

/** The first rule that speaks of the request decides; `ask` asks on the terminal; none means no. */
export const rules =
  (list: ReadonlyArray<Rule>): Policy<Asks> =>
  (request) => {
    const rule = list.find((rule) => matches(rule, request))
    switch (rule?.decision) {
      case "accept":
        return Effect.succeed({ _tag: "accept", policy: "rules" })
      case "ask":
        return prompt(request)
      case "decline":
        return Effect.succeed({ _tag: "decline", reason: "a rule declines it", policy: "rules" })
      case undefined:
        return Effect.succeed({ _tag: "decline", reason: "no rule accepts it", policy: "rules" })
    }
  }

/** A person is asked one thing at a time. */
const PromptLock = Context.Reference<Semaphore.Semaphore>("effect-codex/Approval/PromptLock", {
  defaultValue: () => Semaphore.makeUnsafe(1)
})

/** What is asked, in words for a person. */
export const describe = (request: Request): string => {
  switch (request._tag) {
    case "command":
      return `run ${oneLine(request.script, 400)}`
    case "file_change":
      return `change ${request.changes.length === 0 ? "files" : oneLine(paths(request).join(", "), 400)}`
    case "tool":
      return `call ${oneLine(request.tool, 80)} with ${oneLine(JSON.stringify(request.arguments) ?? "", 300)}`
  }
}

const answers: Readonly<Record<string, Decision>> = {
  y: { _tag: "accept", source: "user", policy: "prompt" },
  a: { _tag: "acceptForSession", source: "user", policy: "prompt" },
  n: { _tag: "decline", reason: "declined on the terminal", source: "user", policy: "prompt" },
  q: { _tag: "cancel", source: "user", policy: "prompt" }
}

/** Asks on the terminal (question on stderr, answer from stdin). Where there is none it declines, and says so. */
export const prompt: Policy<Asks> = Effect.fnUntraced(function* (request) {
  const stdio = yield* Stdio.Stdio
  const terminal = yield* Terminal.Terminal
  const lock = yield* PromptLock
  const say = (text: string) => Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false }))
  if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal))) {
    yield* say(`Declined, there is no terminal to ask on: ${describe(request)}\n`)
    return { _tag: "decline", reason: "there is no terminal to ask on", source: "default", policy: "prompt" }
  }
  const ask = Effect.gen(function* () {
    yield* say(`\nThe agent asks to ${describe(request)}\n`)
    if (request._tag === "command" && request.cwd !== "") yield* say(`  in ${oneLine(request.cwd, 200)}\n`)
    if (request.reason !== undefined) yield* say(`  because: ${oneLine(request.reason, 400)}\n`)
    while (true) {
      yield* say("  [y]es, [n]o, yes for this session [a], stop the turn [q]: ")
      const line = yield* terminal.readLine
      const answer = answers[line.trim().toLowerCase().charAt(0) || "n"]
      if (answer !== undefined) return answer
    }
  })
  return yield* Semaphore.withPermits(
    lock,
    1
  )(
    Effect.catchTag(ask, "QuitError", () =>
      Effect.succeed<Decision>({ _tag: "cancel", source: "user", policy: "prompt" })
    )
  )
})
