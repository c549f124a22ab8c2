/** Asks a person on the terminal: writes requests to stderr and reads answers from stdin, one request at a time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import { oneLine } from "../internal/TerminalText.ts"
import * as HiddenInput from "./HiddenInput.ts"
import type { ApprovalDecision } from "../domain/ApprovalDecision.ts"
import * as ElicitationForm from "./ElicitationForm.ts"
import type { Policy } from "./Policy.ts"
import {
  type ElicitationRequest,
  describe,
  type Question,
  type ApprovalRequest,
  type UserInputRequest
} from "../domain/ApprovalRequest.ts"

/** The services that the terminal prompt needs. */
export type PromptServices = Terminal.Terminal | Stdio.Stdio

/** Serialises prompts, so that a person answers one request at a time. */
const PromptLock = Context.Reference<Semaphore.Semaphore>("effect-codex/Approval/PromptLock", {
  defaultValue: () => Semaphore.makeUnsafe(1)
})

const origin = { source: "user", policy: "prompt" } as const

const declined = (reason: string): ApprovalDecision => ({ _tag: "decline", reason, ...origin })

const answers: Readonly<Record<string, ApprovalDecision>> = {
  y: { _tag: "accept", ...origin },
  a: { _tag: "acceptForSession", ...origin },
  n: declined("declined on the terminal"),
  q: { _tag: "cancel", ...origin }
}

const write = (text: string) =>
  Stdio.Stdio.use((stdio) => Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false })))

const readLine = Terminal.Terminal.use((terminal) => terminal.readLine)

const yesOrNo = Effect.gen(function* () {
  while (true) {
    yield* write("  [y]es, [n]o, yes for this session [a], stop the turn [q]: ")
    const line = yield* readLine
    const answer = answers[line.trim().toLowerCase().charAt(0) || "n"]
    if (answer !== undefined) return answer
  }
})

/** Parses a line as an answer. The number of an option selects the option. */
const parseAnswer = (question: Question, line: string): string | undefined => {
  const { options, other } = question
  if (options === undefined || options.length === 0) return line
  const option = /^\d+$/.test(line) ? options[Number(line) - 1] : undefined
  const named = option ?? options.find(({ label }) => label === line)
  return named?.label ?? (other ? line : undefined)
}

const askQuestion = Effect.fnUntraced(function* (question: Question) {
  const { options = [] } = question
  yield* write(`  ${oneLine(question.header, 80)}: ${oneLine(question.question, 400)}\n`)
  for (const [index, { description, label }] of options.entries()) {
    yield* write(`    ${index + 1}. ${oneLine(label, 80)}: ${oneLine(description, 200)}\n`)
  }
  const hints = [
    ...(options.length === 0 ? [] : ["a number"]),
    ...(options.length === 0 || question.other ? ["text"] : []),
    ...(question.secret ? ["not shown"] : []),
    "empty for no answer"
  ]
  while (true) {
    yield* write(`  (${hints.join(", ")}): `)
    const line = question.secret ? yield* HiddenInput.read : (yield* readLine).trim()
    if (question.secret) yield* write("\n")
    if (line === "") return undefined
    const text = parseAnswer(question, line)
    if (text !== undefined) return text
  }
})

const askQuestions = Effect.fnUntraced(function* (request: typeof UserInputRequest.Type) {
  const given: Array<readonly [string, ReadonlyArray<string>]> = []
  for (const question of request.questions) {
    const text = yield* askQuestion(question)
    if (text !== undefined) given.push([question.id, [text]])
  }
  return given.length === 0
    ? declined("no question was answered")
    : ({ _tag: "accept", given: { _tag: "answers", answers: Object.fromEntries(given) }, ...origin } as const)
})

const affirmative = /^(?:y|yes|true)$/i

const parseField = (field: ElicitationForm.FormField, line: string): unknown => {
  switch (field.type) {
    case "string":
      return line
    case "number":
    case "integer":
      return Number(line)
    case "boolean":
      return affirmative.test(line)
    case "array":
      return line.split(",").map((part) => part.trim())
  }
}

const describeField = (field: ElicitationForm.FormField): string => {
  const choices = ElicitationForm.choices(field)
  const type =
    field.type === "boolean" ? "yes or no" : field.type === "array" ? "list, with commas" : field.type
  return choices === undefined ? type : `${type}: ${oneLine(choices.join(", "), 200)}`
}

const fillForm = Effect.fnUntraced(function* (request: typeof ElicitationRequest.Type) {
  const fields = ElicitationForm.fieldsOf(request.schema)
  if (fields === undefined) {
    yield* write("  Declined: the form cannot be read.\n")
    return declined("the form cannot be read")
  }
  if (fields.length === 0) return yield* yesOrNo
  const content: Array<readonly [string, unknown]> = []
  for (const { field, name, required } of fields) {
    const schema = { type: "object", properties: { [name]: field } }
    while (true) {
      yield* write(`  ${oneLine(name, 80)} (${describeField(field)}${required ? "" : ", may be empty"}): `)
      const line = (yield* readLine).trim()
      if (line === "" && required) return declined("a required field was left empty")
      if (line === "") break
      const value = parseField(field, line)
      const problem = ElicitationForm.problem(schema, { [name]: value })
      if (problem === undefined) {
        content.push([name, value])
        break
      }
      yield* write(`  ${oneLine(problem, 200)}\n`)
    }
  }
  return {
    _tag: "accept",
    given: { _tag: "content", content: Object.fromEntries(content) },
    ...origin
  } as const
})

const ask = Effect.fnUntraced(function* (request: ApprovalRequest) {
  if (request._tag === "user_input") {
    yield* write("\nThe agent asks:\n")
    return yield* askQuestions(request)
  }
  yield* write(`\nThe agent asks to ${describe(request)}\n`)
  if ("cwd" in request && request.cwd !== "") yield* write(`  in ${oneLine(request.cwd, 200)}\n`)
  if (request.reason !== undefined) yield* write(`  because: ${oneLine(request.reason, 400)}\n`)
  return yield* request._tag === "elicitation" && request.mode === "form" ? fillForm(request) : yesOrNo
})

/**
 * Asks on the terminal, on stderr and stdin. Secret answers are not echoed. Without a terminal it declines with a message
 * on stderr.
 */
export const prompt: Policy<PromptServices> = Effect.fnUntraced(function* (request) {
  const stdio = yield* Stdio.Stdio
  const lock = yield* PromptLock
  if (!((yield* stdio.stdinIsTerminal) && (yield* stdio.stderrIsTerminal))) {
    yield* write(`Declined because there is no terminal to ask on: ${describe(request)}\n`)
    return { _tag: "decline", reason: "there is no terminal to ask on", source: "default", policy: "prompt" }
  }
  return yield* Semaphore.withPermits(
    lock,
    1
  )(
    Effect.catchTag(ask(request), "QuitError", () =>
      Effect.succeed<ApprovalDecision>({ _tag: "cancel", ...origin })
    )
  )
})
