/**
 * Renders a request for people. The text is complete and never cut, because a person answers for what it says: every
 * character is visible, and every line of content has a prefix, so that content cannot imitate the prompt around it.
 */
import type { Amendment } from "../domain/Amendment.ts"
import type { ApprovalRequest, CommandRequest, Question, ResolvedPaths } from "../domain/ApprovalRequest.ts"
import { paths } from "../domain/ApprovalRequest.ts"
import { hash } from "../domain/ApprovalRequestHash.ts"
import type { FileSystemEntry, FileSystemPlace, Permissions } from "../domain/Permissions.ts"
import * as ShellCommand from "../internal/ShellCommand.ts"
import * as TextWidth from "../internal/TextWidth.ts"
import { visible, visibleJson, visibleLine } from "../internal/VisibleText.ts"

/**
 * A request as text. `title` completes the sentence "The agent asks to …" and contains only words of the library. `lines`
 * contain the whole request, and `hash` identifies it.
 * @since 0.1.0
 * @category models
 */
export interface RenderedRequest {
  readonly title: string
  readonly lines: ReadonlyArray<string>
  readonly hash: string
}

/**
 * `columns` is the width of the terminal. Without it lines are not wrapped. `lastingAnswers` are the answers that grant the
 * lasting approvals of the request, in their order. Without them the text says that a yes grants none.
 * @since 0.1.0
 * @category models
 */
export interface RenderOptions {
  readonly columns?: number | undefined
  readonly lastingAnswers?: ReadonlyArray<string> | undefined
}

/** A labelled part of a request. The text is already visible. */
interface Section {
  readonly label: string
  readonly text: string
}

const prefix = "  │ "
const minimumColumns = 16

/** Starts each line of visible text with the prefix. Wraps before the terminal does, which would leave out the prefix. */
export const block = (text: string, options: RenderOptions = {}): ReadonlyArray<string> => {
  // The last column stays free: some terminals wrap as soon as it is filled.
  const columns = Math.max(minimumColumns, options.columns ?? Infinity) - TextWidth.maximum(prefix) - 1
  // A mark shows the line break at the end, so the empty line behind it says nothing.
  const lines = text.replace(/\n$/, "").split("\n")
  return lines.flatMap((line) => TextWidth.wrap(line, columns).map((part) => prefix + part))
}

const section = (label: string, text: string): Section => ({ label, text: visible(text) })
const json = (label: string, value: unknown): Section => ({ label, text: visibleJson(value) })
const optional = (label: string, text: string | undefined): ReadonlyArray<Section> =>
  text === undefined ? [] : [section(label, text)]

const place = (place: FileSystemPlace): string => {
  switch (place._tag) {
    case "Path":
      return visible(place.path)
    case "Glob":
      return `everything that matches ${visible(place.pattern)}`
    case "Special":
      return `the special place ${visibleJson(place.value)}`
  }
}

const entry = ({ access, place: where }: FileSystemEntry): string =>
  access === "deny" ? `no access to ${place(where)}` : `${access} ${place(where)}`

/** Says where a path leads, unless that is what the text of the path says, and what files of this process or of Codex are there. */
const realPath = (resolved: ResolvedPaths | undefined, given: string): ReadonlyArray<Section> => {
  const found = resolved?.paths.find((path) => path.given === given)
  if (found === undefined) return []
  const label = found.throughLink ? "which leads through a link to" : "which is"
  return [
    ...(found.real === given && !found.throughLink
      ? []
      : [
          found.real === undefined
            ? { label, text: "a path that cannot be determined" }
            : section(label, found.real)
        ]),
    ...optional("which no answer grants, because it would open", found.hostFiles)
  ]
}

const permissionSections = (
  { fileSystem, globDepth, network }: Permissions,
  resolved: ResolvedPaths | undefined
): ReadonlyArray<Section> => [
  ...(network ? [{ label: "network access", text: "every host" }] : []),
  ...fileSystem.flatMap((permission) => [
    { label: "file access", text: entry(permission) },
    ...(permission.place._tag === "Path" ? realPath(resolved, permission.place.path) : [])
  ]),
  ...(globDepth === undefined ? [] : [{ label: "maximum depth of patterns", text: String(globDepth) }])
]

/** Whether a command that already runs wants to connect to a host: such a request names no command. */
const isConnection = ({ script, wants }: typeof CommandRequest.Type): boolean =>
  script === "" && wants?.network !== undefined

const commandSections = (request: typeof CommandRequest.Type): ReadonlyArray<Section> => {
  const { as, network, permissions } = request.wants ?? {}
  const [shell, flag] = ShellCommand.words(request.command) ?? []
  const wrapped = request.command !== request.script
  // Known wrappers are shown as such. Any other difference shows the whole command.
  const wrapper =
    shell !== undefined && flag !== undefined && ShellCommand.script(request.command) === request.script
      ? section("in the shell", `${shell} ${flag}`)
      : section("as part of the whole command", request.command)
  return [
    ...(isConnection(request) ? [] : [section("command", request.script)]),
    ...(wrapped ? [wrapper] : []),
    ...optional("as a special kind of execution", as),
    ...(network === undefined
      ? []
      : [section("with network access to", `${network.protocol}://${network.host}`)]),
    ...(permissions === undefined ? [] : permissionSections(permissions, request.resolved)),
    ...(request.extra && request.wants === undefined
      ? [{ label: "and more", text: "something that effect-codex cannot read" }]
      : [])
  ]
}

const amendmentText = (amendment: Amendment): string => {
  switch (amendment._tag) {
    case "ExecPolicy":
      return `run every command that begins with these words, outside the sandbox, in every thread: ${visibleJson(amendment.prefix)}`
    case "Network":
      return `connect to this host, in every thread: ${visible(amendment.host)}`
    case "McpTool":
      return amendment.lasts === "always"
        ? "call this tool with any arguments, in every thread"
        : "call this tool with any arguments, in this thread"
  }
}

const placeOfAmendment = (amendment: Amendment): string => {
  switch (amendment._tag) {
    case "ExecPolicy":
    case "Network":
      return "rules/default.rules in the home directory of Codex, until someone removes it there"
    case "McpTool":
      return amendment.lasts === "always"
        ? "config.toml in the home directory of Codex, until someone removes it there"
        : "the memory of Codex, until the thread is closed"
  }
}

/** A plain yes grants none of them, and the text says so: a person must not believe that a yes lasts. */
const amendmentSections = (
  amendments: ReadonlyArray<Amendment> = [],
  answers: ReadonlyArray<string> = []
): ReadonlyArray<Section> =>
  amendments.flatMap((amendment, index) => [
    {
      label:
        answers[index] === undefined
          ? "Codex offers, but yes does not grant, to do this without asking again"
          : `not yes, but ${answers[index]} grants to do this from now on without asking`,
      text: amendmentText(amendment)
    },
    { label: "which is stored in", text: placeOfAmendment(amendment) }
  ])

const questionSections = ({ header, options = [], question }: Question): ReadonlyArray<Section> => [
  ...(header === "" ? [] : [section("heading", header)]),
  section("question", question),
  ...options.map(({ description, label }, index) =>
    section(`option ${index + 1}`, description === "" ? label : `${label}: ${description}`)
  )
]

const contentOf = (
  request: ApprovalRequest,
  { lastingAnswers }: RenderOptions
): readonly [title: string, sections: ReadonlyArray<Section>] => {
  switch (request._tag) {
    case "Command":
      return [
        isConnection(request) ? "connect to a host" : "run a command",
        [...commandSections(request), ...amendmentSections(request.amendments, lastingAnswers)]
      ]
    case "FileChange":
      return [
        "change files",
        [
          ...request.changes.flatMap((change) => [
            section(`${change.kind} the file`, change.path),
            ...realPath(request.resolved, change.path),
            ...optional("move it to", change.movePath),
            ...(change.movePath === undefined ? [] : realPath(request.resolved, change.movePath)),
            section(change.kind === "update" ? "with the diff" : "with the content", change.diff)
          ]),
          ...(request.changes.length === 0 ? [{ label: "files", text: "Codex does not say which" }] : []),
          ...optional("and write everything below", request.root),
          ...(request.root === undefined ? [] : realPath(request.resolved, request.root)),
          ...(request.extra && request.root === undefined
            ? [{ label: "and more", text: "something that effect-codex cannot read" }]
            : [])
        ]
      ]
    case "Permissions": {
      const sections = permissionSections(request.permissions, request.resolved)
      return [
        "be allowed more than its sandbox allows",
        sections.length === 0 ? [{ label: "permissions", text: "nothing" }] : sections
      ]
    }
    case "Tool":
      return ["call a tool", [section("tool", request.tool), json("arguments", request.arguments)]]
    case "McpTool":
      return [
        "call a tool of an MCP server",
        [
          section("server", request.server),
          section("tool", request.tool),
          json("arguments", request.arguments),
          section("message of the server", request.message),
          ...amendmentSections(request.amendments, lastingAnswers)
        ]
      ]
    case "Elicitation":
      return [
        request.mode === "url"
          ? "have an address opened for an MCP server"
          : "have a form of an MCP server filled in",
        [
          section("server", request.server),
          section("message of the server", request.message),
          ...optional("address", request.url),
          ...(request.schema === undefined ? [] : [json("form", request.schema)])
        ]
      ]
    case "UserInput":
      return ["get answers", request.questions.flatMap(questionSections)]
    case "Unknown":
      return [
        "do something that effect-codex does not know",
        [section("method", request.method), json("content", request.payload)]
      ]
  }
}

/** The directory of a request as it is written, where it leads, and the thread's own directory if it is another one. */
const directorySections = (request: ApprovalRequest): ReadonlyArray<Section> => {
  if (!("cwd" in request) || request.cwd === "") return []
  const { resolved } = request
  const written = section("in the directory", request.cwd)
  if (resolved === undefined) return [written]
  const { cwd, cwdThroughLink, threadCwd } = resolved
  const label = cwdThroughLink ? "which leads through a link to" : "which is"
  return [
    written,
    ...(cwd === undefined
      ? [{ label, text: "a path that cannot be determined" }]
      : cwd === request.cwd && !cwdThroughLink
        ? []
        : [section(label, cwd)]),
    ...(cwd === threadCwd ? [] : [section("not in the thread's own directory", threadCwd)])
  ]
}

const sectionLines = (sections: ReadonlyArray<Section>, options: RenderOptions): ReadonlyArray<string> =>
  sections.flatMap(({ label, text }) => [`  ${label}:`, ...block(text, options)])

/** Renders everything but the content of the request: where it applies, why the agent wants it, and its hash. */
export const circumstances = (request: ApprovalRequest, options: RenderOptions = {}): ReadonlyArray<string> =>
  sectionLines(
    [
      ...directorySections(request),
      ...optional("the agent's reason", request.reason),
      section("hash of the request", hash(request))
    ],
    options
  )

/**
 * Renders the whole request.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const show = (request: Approval.ApprovalRequest) => {
 *   const { hash, lines, title } = Approval.render(request, { columns: 80 })
 *   return { text: [`The agent asks to ${title}`, ...lines].join("\n"), hash }
 * }
 * ```
 */
export const render = (request: ApprovalRequest, options: RenderOptions = {}): RenderedRequest => {
  const [title, content] = contentOf(request, options)
  return {
    title,
    lines: [...sectionLines(content, options), ...circumstances(request, options)],
    hash: hash(request)
  }
}

/**
 * Describes the whole request, as lines. The first line completes the sentence "The agent asks to …".
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * const message = (request: Approval.ApprovalRequest) => `The agent asks to ${Approval.describe(request)}`
 * ```
 */
export const describe = (request: ApprovalRequest): string => {
  const { lines, title } = render(request)
  return [title, ...lines].join("\n")
}

const compactJson = (value: unknown): string => visibleLine(JSON.stringify(value) ?? "nothing")

const permissionWords = ({ fileSystem, network }: Permissions): string =>
  [
    ...(network ? ["the network"] : []),
    ...fileSystem.map((permission) =>
      permission.access === "deny"
        ? `not ${place(permission.place)}`
        : `to ${permission.access} ${place(permission.place)}`
    )
  ]
    .join(", ")
    .replaceAll("\n", "")

/**
 * Summarises a request on one line, for progress and messages. It leaves out diffs, forms and the reason, so it is no basis
 * for an answer: use `describe`.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Approval } from "effect-codex"
 *
 * const logged = (request: Approval.ApprovalRequest) => Effect.logInfo(`waits for ${Approval.summarize(request)}`)
 * ```
 */
export const summarize = (request: ApprovalRequest): string => {
  switch (request._tag) {
    case "Command": {
      const { as, network, permissions } = request.wants ?? {}
      return [
        ...(isConnection(request) ? ["connect"] : [`run ${visibleLine(request.script)}`]),
        ...(as === undefined ? [] : [`as ${visibleLine(as)}`]),
        ...(network === undefined
          ? []
          : [`with network access to ${visibleLine(`${network.protocol}://${network.host}`)}`]),
        ...(permissions === undefined ? [] : [`with ${permissionWords(permissions)}`])
      ].join(" ")
    }
    case "FileChange": {
      const root = request.root === undefined ? "" : ` and all of ${visibleLine(request.root)}`
      return `change ${request.changes.length === 0 ? "files" : visibleLine(paths(request).join(", "))}${root}`
    }
    case "Permissions":
      return `be allowed ${permissionWords(request.permissions) || "nothing"}`
    case "Tool":
      return `call ${visibleLine(request.tool)} with ${compactJson(request.arguments)}`
    case "McpTool":
      return `call ${visibleLine(request.tool)} of ${visibleLine(request.server)} with ${compactJson(request.arguments)}`
    case "Elicitation":
      return `${request.mode === "url" ? `have ${visibleLine(request.url ?? "an address")} opened` : "have a form filled in"} for ${visibleLine(request.server)}: ${visibleLine(request.message)}`
    case "UserInput":
      return `be told: ${visibleLine(request.questions.map(({ question }) => question).join(" "))}`
    case "Unknown":
      return `do what effect-codex does not know: ${visibleLine(request.method)}`
  }
}
