/** Waiting approval requests as the page shows them. `RequestText` renders them; this module only cuts the lines into pages. */
import type * as PendingRequests from "../approval/PendingRequests.ts"
import * as ElicitationForm from "../approval/ElicitationForm.ts"
import * as RequestText from "../approval/RequestText.ts"
import type { ApprovalRequest, Question } from "../domain/ApprovalRequest.ts"
import type { DurableApproval } from "../durable/DurableRecords.ts"
import { visibleLine } from "../internal/VisibleText.ts"
import { type AnswerField, type InboxEntry, maxLines, type RequestPage } from "./InboxApi.ts"

/** A request that waits, wherever it waits. */
export interface WaitingRequest extends Omit<InboxEntry, "title"> {
  readonly request: ApprovalRequest
}

/** Returns a request of a live turn, which is declined `timeoutMillis` after it was asked. */
export const ofLiveTurn = (
  { at, hash, id, openedThreadId, request, threadId }: PendingRequests.Pending,
  timeoutMillis: number
): WaitingRequest => {
  const opened = openedThreadId ?? threadId
  return {
    id,
    ...(opened === undefined ? {} : { threadId: opened }),
    at,
    deadline: at + timeoutMillis,
    hash,
    request
  }
}

/** Returns a request of a durable turn. */
export const ofDurableTurn = ({
  askedAt,
  expiresAt,
  hash,
  id,
  key,
  request
}: DurableApproval): WaitingRequest => ({
  id,
  turnKey: key,
  at: askedAt,
  ...(expiresAt === null ? {} : { deadline: expiresAt }),
  hash,
  request
})

/** Returns what the inbox lists of a request. */
export const entry = ({ request, ...waiting }: WaitingRequest): InboxEntry => ({
  ...waiting,
  title: RequestText.render(request).title
})

const option = (value: string, description = "") => ({
  label: visibleLine(description === "" ? value : `${value}: ${description}`),
  value
})

const questionField = ({ header, id, options = [], other, question, secret }: Question): AnswerField => ({
  id,
  label: visibleLine(header === "" ? question : `${header}: ${question}`),
  kind: options.length > 0 ? "choice" : secret ? "secret" : "text",
  required: false,
  other: other || options.length === 0,
  options: options.map(({ description, label }) => option(label, description))
})

const formField = (name: string, required: boolean, field: ElicitationForm.FormField): AnswerField => {
  const choices = ElicitationForm.choices(field)
  const kinds = {
    string: "text",
    number: "number",
    integer: "number",
    boolean: "boolean",
    array: "choices"
  } as const
  return {
    id: name,
    label: visibleLine(name),
    kind: field.type === "string" && choices !== undefined ? "choice" : kinds[field.type],
    required,
    other: choices === undefined,
    options: (choices ?? []).map((choice) => option(choice))
  }
}

const answerOf = (request: ApprovalRequest): Pick<RequestPage, "answer" | "fields"> => {
  if (request._tag === "UserInput") return { answer: "answers", fields: request.questions.map(questionField) }
  if (request._tag === "Unknown") return { answer: "decline", fields: [] }
  if (request._tag !== "Elicitation" || request.mode === "url") return { answer: "decision", fields: [] }
  const fields = ElicitationForm.fieldsOf(request.schema)
  return fields === undefined
    ? { answer: "decline", fields: [] }
    : {
        answer: "content",
        fields: fields.map(({ field, name, required }) => formField(name, required, field))
      }
}

/** Returns the lines of a request from a number on. */
export const page = (waiting: WaitingRequest, from: number): RequestPage => {
  const { lines } = RequestText.render(waiting.request)
  return {
    ...entry(waiting),
    from,
    lines: lines.slice(from, from + maxLines),
    total: lines.length,
    ...answerOf(waiting.request)
  }
}
