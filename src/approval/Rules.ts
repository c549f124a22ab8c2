/** Policies as data: a list of rules. The first rule that matches a request decides. */
import * as Effect from "effect/Effect"
import * as Glob from "effect/Glob"
import * as Schema from "effect/Schema"
import * as Nodepath from "node:path"
import type { Policy } from "./Policy.ts"
import { type PromptServices, prompt } from "./TerminalPrompt.ts"
import {
  type ApprovalRequest,
  type CommandRequest,
  paths,
  type PermissionsRequest,
  requestKind,
  RequestKind,
  type ResolvedPath
} from "../domain/ApprovalRequest.ts"

/**
 * One rule. A rule matches if all its fields match; omitted fields match everything.
 *
 * `command` is compared word by word with one simple command; a final `"**"` matches any further words. A rule accepts a
 * command only in the thread's own directory, or in the directory with the real path `cwd`. No rule accepts a command with
 * `;`, `|`, `&`, `$(`, backticks, redirection, expansion or a newline, or a command with additional requests (`extra`).
 *
 * `path` is a glob over absolute paths or over paths relative to the thread's directory. To accept, it must match the real
 * path of every file of the change, and no link may be on the way; to decline or ask, one match is enough.
 *
 * Only a rule with the `kind` accepts permissions and MCP tools. For permissions every entry must be a path that matches
 * `path` with at most `access` ("write" includes reading; the default is reading), and network access needs
 * `network: true`. Questions and forms need an answer, so a rule can only decline them or ask.
 *
 * Rules that decline are a convenience, not a list of forbidden commands: the same program has many names.
 * @since 0.1.0
 * @category schemas
 */
export const ApprovalRule = Schema.Struct({
  kind: Schema.optionalKey(RequestKind),
  command: Schema.optionalKey(Schema.NonEmptyArray(Schema.String)),
  cwd: Schema.optionalKey(Schema.NonEmptyString),
  path: Schema.optionalKey(Schema.NonEmptyString),
  tool: Schema.optionalKey(Schema.NonEmptyString),
  server: Schema.optionalKey(Schema.NonEmptyString),
  network: Schema.optionalKey(Schema.Boolean),
  access: Schema.optionalKey(Schema.Literals(["read", "write"])),
  decision: Schema.Literals(["accept", "decline", "ask"])
})
export type ApprovalRule = typeof ApprovalRule.Type

const matchesWords = (rule: ReadonlyArray<string>, argv: ReadonlyArray<string>): boolean =>
  rule.at(-1) === "**"
    ? argv.length >= rule.length - 1 && rule.slice(0, -1).every((word, i) => word === argv[i])
    : rule.length === argv.length && rule.every((word, i) => word === argv[i])

type Resolvable = Extract<ApprovalRequest, { readonly cwd: string }>

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

const resolvedPath = ({ resolved }: Resolvable, path: string): ResolvedPath | undefined =>
  resolved?.paths.find(({ given }) => given === path)

/** Whether the real path is known, has no link on the way, and matches. */
const matchesRealPath = (pattern: string | undefined, request: Resolvable, path: string): boolean => {
  const found = resolvedPath(request, path)
  return (
    found?.real !== undefined &&
    !found.throughLink &&
    (pattern === undefined || matchesPath(pattern, request.resolved?.threadCwd ?? "/", found.real))
  )
}

/** Whether the path matches as it is written, or where it leads. */
const matchesEitherPath = (pattern: string, request: Resolvable, path: string): boolean => {
  const real = resolvedPath(request, path)?.real
  return (
    matchesPath(pattern, request.cwd, path) ||
    (real !== undefined && matchesPath(pattern, request.resolved?.threadCwd ?? request.cwd, real))
  )
}

/** Whether the agent's sandbox can write all paths, or none of them. Codex applies a patch outside of it with more access. */
const isOnOneSide = (request: Resolvable, all: ReadonlyArray<string>): boolean =>
  new Set(all.map((path) => resolvedPath(request, path)?.agentWritable)).size === 1

const runsIn = (request: typeof CommandRequest.Type, cwd: string | undefined): boolean => {
  const { resolved } = request
  return (
    resolved?.cwd !== undefined && !resolved.cwdThroughLink && resolved.cwd === (cwd ?? resolved.threadCwd)
  )
}

/** A rule that declines or asks also covers the directory as it is written. */
const declinesIn = (request: typeof CommandRequest.Type, cwd: string): boolean =>
  request.resolved?.cwd === cwd || request.cwd === cwd

type Selector = Exclude<keyof ApprovalRule, "kind" | "decision">

/** Whether the rule has no other selectors than these. */
const namesOnly = (rule: ApprovalRule, ...selectors: ReadonlyArray<Selector>): boolean =>
  (["command", "cwd", "path", "tool", "server", "network", "access"] as const).every(
    (selector) => rule[selector] === undefined || selectors.includes(selector)
  )

const matchesPermissions = (rule: ApprovalRule, request: typeof PermissionsRequest.Type): boolean => {
  const { fileSystem, network } = request.permissions
  const pattern = rule.path
  const grants = (entry: (typeof fileSystem)[number]): boolean =>
    pattern !== undefined &&
    entry.place._tag === "Path" &&
    matchesRealPath(pattern, request, entry.place.path) &&
    resolvedPath(request, entry.place.path)?.agentWritable === false
  const selects = (entry: (typeof fileSystem)[number]): boolean =>
    pattern === undefined ||
    (entry.place._tag === "Path" && matchesEitherPath(pattern, request, entry.place.path))
  if (rule.decision === "accept") {
    return (
      rule.kind === "permissions" &&
      (!network || rule.network === true) &&
      // A `deny` entry grants nothing.
      fileSystem
        .filter((entry) => entry.access !== "deny")
        .every((entry) => grants(entry) && (entry.access === "read" || rule.access === "write"))
    )
  }
  return (
    (rule.network === undefined || rule.network === network) &&
    (pattern === undefined && rule.access === undefined
      ? true
      : fileSystem.some(
          (entry) => selects(entry) && (rule.access === undefined || rule.access === entry.access)
        ))
  )
}

/**
 * Whether a rule matches a request. Pure; use it to test a rules file.
 * @since 0.1.0
 * @category guards
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const rule: Approval.ApprovalRule = { command: ["docker", "ps", "**"], decision: "accept" }
 * const covered = (request: Approval.ApprovalRequest) => Approval.matches(rule, request)
 * ```
 */
export const matches = (rule: ApprovalRule, request: ApprovalRequest): boolean => {
  if (rule.kind !== undefined && rule.kind !== requestKind(request)) return false
  const accepts = rule.decision === "accept"
  switch (request._tag) {
    case "Command":
      if (!namesOnly(rule, "command", "cwd")) return false
      if (accepts && (request.extra || request.argv === undefined)) return false
      if (accepts ? !runsIn(request, rule.cwd) : rule.cwd !== undefined && !declinesIn(request, rule.cwd))
        return false
      return (
        rule.command === undefined || (request.argv !== undefined && matchesWords(rule.command, request.argv))
      )
    case "FileChange": {
      if (!namesOnly(rule, "path")) return false
      if (accepts && (request.extra || request.changes.length === 0)) return false
      const { path: pattern } = rule
      const all = paths(request)
      if (accepts)
        return all.every((path) => matchesRealPath(pattern, request, path)) && isOnOneSide(request, all)
      return pattern === undefined || all.some((path) => matchesEitherPath(pattern, request, path))
    }
    case "Permissions":
      return namesOnly(rule, "path", "network", "access") && matchesPermissions(rule, request)
    case "Tool":
      return namesOnly(rule, "tool") && (rule.tool === undefined || rule.tool === request.tool)
    case "McpTool":
      return (
        namesOnly(rule, "tool", "server") &&
        (!accepts || rule.kind === "mcp_tool") &&
        (rule.tool === undefined || rule.tool === request.tool) &&
        (rule.server === undefined || rule.server === request.server)
      )
    case "Elicitation":
      return (
        !accepts && namesOnly(rule, "server") && (rule.server === undefined || rule.server === request.server)
      )
    case "UserInput":
    case "Unknown":
      return !accepts && namesOnly(rule)
  }
}

/**
 * A rule that decides by itself: it does not ask.
 * @since 0.1.0
 * @category policies
 */
export interface DecidingRule extends Omit<ApprovalRule, "decision"> {
  readonly decision: "accept" | "decline"
}

/**
 * The first rule that matches the request decides. The decision `ask` runs the policy `ask`, by default the terminal
 * prompt, which needs `Terminal` and `Stdio`. Rules that never ask need nothing. If no rule matches, the policy abstains.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const policy = Approval.rules(
 *   [
 *     { command: ["docker", "ps"], decision: "accept" },
 *     { kind: "file_change", path: "docs/**", decision: "accept" },
 *     { kind: "permissions", decision: "decline" },
 *     { decision: "ask" }
 *   ],
 *   Approval.queue
 * )
 * ```
 */
export function rules(list: ReadonlyArray<DecidingRule>): Policy
export function rules(list: ReadonlyArray<ApprovalRule>): Policy<PromptServices>
export function rules<R>(list: ReadonlyArray<ApprovalRule>, ask: Policy<R>): Policy<R>
export function rules(
  list: ReadonlyArray<ApprovalRule>,
  ask: Policy<PromptServices> = prompt
): Policy<PromptServices> {
  return (request) => {
    const rule = list.find((rule) => matches(rule, request))
    switch (rule?.decision) {
      case "accept":
        return Effect.succeed({ _tag: "Accept", policy: "rules" })
      case "ask":
        return ask(request)
      case "decline":
        return Effect.succeed({ _tag: "Decline", reason: "a rule declines the request", policy: "rules" })
      case undefined:
        return Effect.succeed({ _tag: "Abstain", reason: "no rule accepts the request", policy: "rules" })
    }
  }
}
