/** Waiting approval requests as the page shows them. `RequestText` renders them; this module only cuts the lines into pages. */
import type * as PendingRequests from "../approval/PendingRequests.ts"
import * as ElicitationForm from "../approval/ElicitationForm.ts"
import * as RequestText from "../approval/RequestText.ts"
import type { ApprovalRequest, Question } from "../domain/ApprovalRequest.ts"
import { visibleLine } from "../internal/VisibleText.ts"
import { type AnswerField, type InboxEntry, maxLines, type RequestPage } from "./ServeApi.ts"

/** Returns the entry of a request that is declined `timeoutMillis` after it was asked. */
export const entry = (pending: PendingRequests.Pending, timeoutMillis: number): InboxEntry => {
  const threadId = pending.openedThreadId ?? pending.threadId
  return {
    id: pending.id,
    ...(threadId === undefined ? {} : { threadId }),
    title: RequestText.render(pending.request).title,
    at: pending.at,
    deadline: pending.at + timeoutMillis,
    hash: pending.hash
  }
}

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
export const page = (pending: PendingRequests.Pending, timeoutMillis: number, from: number): RequestPage => {
  const { lines } = RequestText.render(pending.request)
  return {
    ...entry(pending, timeoutMillis),
    from,
    lines: lines.slice(from, from + maxLines),
    total: lines.length,
    ...answerOf(pending.request)
  }
}
