/** Asks a person on the terminal: writes requests to stderr and reads answers from stdin, one request at a time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { visible, visibleLine } from "../internal/VisibleText.ts"
import type { Amendment } from "../domain/Amendment.ts"
import { acceptWithAmendment, type ApprovalDecision } from "../domain/ApprovalDecision.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import type { Policy } from "./Policy.ts"
import * as RequestText from "./RequestText.ts"
import { type PromptServices, readKey, readLine, write } from "./TerminalInput.ts"
import type {
  ElicitationRequest,
  Question,
  ApprovalRequest,
  UserInputRequest
} from "../domain/ApprovalRequest.ts"

export type { PromptServices } from "./TerminalInput.ts"

/** Limits prompts to one at a time. The default is one lock for the whole process, because all prompts share its terminal. */
const PromptLock = Context.Reference<Semaphore.Semaphore>("effect-codex/Approval/PromptLock", {
  defaultValue: () => Semaphore.makeUnsafe(1)
})

const origin = { source: "user", policy: "prompt" } as const

const declined = (reason: string): ApprovalDecision => ({ _tag: "Decline", reason, ...origin })
const no = declined("declined on the terminal")
const forSession: ApprovalDecision = { _tag: "AcceptForSession", ...origin }
const cancelled: ApprovalDecision = { _tag: "Cancel", ...origin }

/** Whole words only: the first letter of "another day" is not an answer. */
const answers: ReadonlyMap<string, ApprovalDecision> = new Map([
  ["y", { _tag: "Accept", ...origin }],
  ["yes", { _tag: "Accept", ...origin }],
  ["a", forSession],
  ["always", forSession],
  ["session", forSession],
  ["n", no],
  ["no", no],
  ["q", cancelled],
  ["quit", cancelled]
])

const word = (line: string): string => line.trim().toLowerCase()

/** The answers that grant a lasting approval. They have no letters, so that none is given by mistake. */
const lastingAnswers = (amendments: ReadonlyArray<Amendment>): ReadonlyArray<string> =>
  amendments.length === 1 ? ["lasting"] : amendments.map((_, index) => `lasting ${index + 1}`)

const yesOrNo = Effect.fnUntraced(function* (amendments: ReadonlyArray<Amendment> = []) {
  const words = lastingAnswers(amendments)
  const choices = [...words, "yes (y)", "no (n)", "yes for this session (a)", "stop the turn (q)"]
  while (true) {
    const line = word(yield* readLine(`  ${choices.join(", ")}: `))
    const amendment = amendments[words.indexOf(line)]
    if (amendment !== undefined) return { ...acceptWithAmendment(amendment), ...origin }
    const answer = answers.get(line)
    if (answer !== undefined) return answer
    yield* write("  Please answer with one of these words or letters.\n")
  }
})

/** Asks a question whose answer is yes or no, in whole words. Keys typed before the question are discarded. */
export const confirm = Effect.fnUntraced(function* (question: string) {
  while (true) {
    const answer = answers.get(word(yield* readLine(`${question} yes (y) or no (n): `)))
    if (answer?._tag === "Accept") return true
    if (answer !== undefined && answer._tag !== "AcceptForSession") return false
  }
})

/** The size of the terminal. stdout can be a file, so stderr counts, too. */
const screen = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const { columns, rows } = process.stderr
  const smallest = (...sizes: ReadonlyArray<number | undefined>) =>
    Math.min(...sizes.filter((size) => size !== undefined && size > 0).map(Number))
  const width = smallest(yield* terminal.columns, columns)
  const height = smallest(yield* terminal.rows, rows)
  return { columns: Number.isFinite(width) ? width : 80, rows: Number.isFinite(height) ? height : 24 }
})

const turnPage = (shown: number, total: number) =>
  readKey(
    `  ${shown} of ${total} lines. Space: more, n: no, q: stop the turn `,
    (key): ApprovalDecision | "more" | undefined => {
      switch (key) {
        case "space":
        case "return":
        case "pagedown":
          return "more"
        case "n":
          return no
        case "q":
          return cancelled
        default:
          return undefined
      }
    }
  )

/**
 * Shows lines in pages that fit the screen. A request can be declined on every page; it can be accepted only after its last
 * page, so the pager returns a decision or the end.
 */
const page = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, rows: number) {
  const size = Math.max(4, rows - 4)
  for (let start = 0; start < lines.length; start += size) {
    const end = Math.min(start + size, lines.length)
    yield* write(`${lines.slice(start, end).join("\n")}\n`)
    if (end === lines.length) return undefined
    const answer = yield* turnPage(end, lines.length)
    if (answer !== "more") return answer
  }
  return undefined
})

/** Parses a line as an answer. The number of an option selects the option. */
const parseAnswer = (question: Question, line: string): string | undefined => {
  const { options, other } = question
  if (options === undefined || options.length === 0) return line
  const option = /^\d+$/.test(line) ? options[Number(line) - 1] : undefined
  const named = option ?? options.find(({ label }) => label === line)
  return named?.label ?? (other ? line : undefined)
}

/** Writes a line of content with a prefix, wrapped at the width of the terminal. */
const writeBlock = (text: string) =>
  Effect.flatMap(screen, (options) => write(`${RequestText.block(text, options).join("\n")}\n`))

/** Shows visible texts in pages, each line with a prefix. Returns a decision if one was made before the last page. */
const pageBlock = Effect.fnUntraced(function* (...texts: ReadonlyArray<string>) {
  const { columns, rows } = yield* screen
  return yield* page(
    texts.flatMap((text) => RequestText.block(text, { columns })),
    rows
  )
})

const askQuestion = Effect.fnUntraced(function* (question: Question) {
  const { header, options = [] } = question
  const text = visible(header === "" ? question.question : `${header}: ${question.question}`)
  const choices = options.map(({ description, label }, index) =>
    visible(`${index + 1}. ${label}: ${description}`)
  )
  const early = yield* pageBlock(text, ...choices)
  if (early !== undefined) return early
  const hints = [
    ...(options.length === 0 ? [] : ["a number"]),
    ...(options.length === 0 || question.other ? ["text"] : []),
    ...(question.secret ? ["not shown"] : []),
    "empty for no answer"
  ]
  while (true) {
    const typed = yield* readLine(`  (${hints.join(", ")}): `, { echo: !question.secret })
    const line = question.secret ? typed : typed.trim()
    if (line === "") return undefined
    const text = parseAnswer(question, line)
    if (text !== undefined) return text
  }
})

const askQuestions = Effect.fnUntraced(function* (request: typeof UserInputRequest.Type) {
  const given: Array<readonly [string, ReadonlyArray<string>]> = []
  for (const question of request.questions) {
    const answer = yield* askQuestion(question)
    if (typeof answer === "object") return answer
    if (answer !== undefined) given.push([question.id, [answer]])
  }
  return given.length === 0
    ? declined("no question was answered")
    : ({ _tag: "Accept", given: { _tag: "Answers", answers: Object.fromEntries(given) }, ...origin } as const)
})

const booleans: ReadonlyMap<string, boolean> = new Map([
  ["y", true],
  ["yes", true],
  ["true", true],
  ["n", false],
  ["no", false],
  ["false", false]
])

/** Parses a line as the value of a field. A line that is no value of its type fails the validation that follows. */
const parseField = (field: ElicitationForm.FormField, line: string): unknown => {
  switch (field.type) {
    case "string":
      return line
    case "number":
    case "integer":
      return Number(line)
    case "boolean":
      return booleans.get(word(line))
    case "array":
      return line.split(",").map((part) => part.trim())
  }
}

const describeField = (field: ElicitationForm.FormField): string => {
  const choices = ElicitationForm.choices(field)
  const type =
    field.type === "boolean" ? "yes or no" : field.type === "array" ? "list, with commas" : field.type
  return choices === undefined ? type : `${type}: ${choices.map(visibleLine).join(", ")}`
}

const fillForm = Effect.fnUntraced(function* (request: typeof ElicitationRequest.Type) {
  const fields = ElicitationForm.fieldsOf(request.schema)
  if (fields === undefined) {
    yield* write("  Declined: the form cannot be read.\n")
    return declined("the form cannot be read")
  }
  if (fields.length === 0) return yield* yesOrNo()
  const content: Array<readonly [string, unknown]> = []
  for (const { field, name, required } of fields) {
    const schema = { type: "object", properties: { [name]: field } }
    const early = yield* pageBlock(`${visibleLine(name)} (${describeField(field)})`)
    if (early !== undefined) return early
    while (true) {
      const line = (yield* readLine(required ? "  value: " : "  value, may be empty: ")).trim()
      if (line === "" && required) return declined("a required field was left empty")
      if (line === "") break
      const value = parseField(field, line)
      const problem = ElicitationForm.problem(schema, { [name]: value })
      if (problem === undefined) {
        content.push([name, value])
        break
      }
      yield* writeBlock(visibleLine(problem))
    }
  }
  return {
    _tag: "Accept",
    given: { _tag: "Content", content: Object.fromEntries(content) },
    ...origin
  } as const
})

const ask = Effect.fnUntraced(function* (request: ApprovalRequest, options: PromptOptions) {
  const { columns, rows } = yield* screen
  const amendments =
    options.amendments === true && "amendments" in request ? (request.amendments ?? []) : undefined
  const { lines, title } = RequestText.render(request, {
    columns,
    lastingAnswers: amendments === undefined ? undefined : lastingAnswers(amendments)
  })
  const heading = ["", `The agent asks to ${title}`]
  if (request._tag === "UserInput") {
    // Each question follows with its own prompt.
    const early = yield* page([...heading, ...RequestText.circumstances(request, { columns })], rows)
    return early ?? (yield* askQuestions(request))
  }
  const early = yield* page([...heading, ...lines], rows)
  if (early !== undefined) return early
  return yield* request._tag === "Elicitation" && request.mode === "form"
    ? fillForm(request)
    : yesOrNo(amendments)
})

/**
 * Options of `promptOptions`.
 * @since 0.1.0
 * @category models
 */
export interface PromptOptions {
  /**
   * Whether a person can also give the lasting approvals that Codex offers, with the answer `lasting`. Codex then no longer
   * asks, in this or in every thread, and the library can neither see nor revoke it. Default: false.
   */
  readonly amendments?: boolean | undefined
}

/**
 * The same as `prompt`, with options.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import { Approval } from "effect-codex"
 *
 * // The person at the terminal may also answer `lasting`.
 * const policy = Approval.promptOptions({ amendments: true })
 * ```
 */
export const promptOptions = (options: PromptOptions): Policy<PromptServices> =>
  Effect.fnUntraced(function* (request) {
    const stdio = yield* Stdio.Stdio
    const lock = yield* PromptLock
    if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal))) {
      yield* write(`Declined because there is no terminal to ask on: ${RequestText.summarize(request)}\n`)
      return {
        _tag: "Decline",
        reason: "there is no terminal to ask on",
        source: "default",
        policy: "prompt"
      }
    }
    return yield* Semaphore.withPermits(
      lock,
      1
    )(Effect.catchTag(ask(request, options), "QuitError", () => Effect.succeed(cancelled)))
  })

/**
 * Asks on the terminal, on stderr and stdin. Shows the whole request, in pages, before it can be accepted. Secret answers
 * are not echoed. Without a terminal it declines with a message on stderr. It grants no lasting approval; `promptOptions`
 * can.
 * @since 0.1.0
 * @category policies
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { Layer } from "effect"
 * import { Approval, AppServer, Codex } from "effect-codex"
 *
 * const Interactive = Codex.layer.pipe(
 *   Layer.provide([AppServer.layer, Approval.layer(Approval.prompt)]),
 *   Layer.provide(NodeServices.layer)
 * )
 * ```
 */
export const prompt: Policy<PromptServices> = promptOptions({})
