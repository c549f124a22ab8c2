/** `effect-codex approvals`: lists, shows and answers the approval requests of durable turns. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { userInfo } from "node:os"
import * as Approval from "../../Approval.ts"
import { DurableApproval } from "../../durable/DurableRecords.ts"
import { jsonLine, printableLine, visible } from "../../internal/VisibleText.ts"
import { UsageError } from "../CommandEnd.ts"
import type {
  ApprovalsAnswerInput,
  ApprovalsListInput,
  ApprovalsShowInput
} from "../commands/durableCommands.ts"
import * as Output from "../Output.ts"
import * as TerminalStyle from "../TerminalStyle.ts"
import { withDurable } from "../WithDurable.ts"

const toJson = (approval: DurableApproval): string => jsonLine(Schema.encodeSync(DurableApproval)(approval))

const formatTime = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ")

export const list = Effect.fnUntraced(function* ({ all, db, json, limit, thread }: ApprovalsListInput) {
  if (limit < 1) return yield* new UsageError({ text: "--limit must be 1 or more" })
  const { width } = TerminalStyle.of(process.stdout)
  yield* withDurable(
    db,
    Effect.fnUntraced(function* ({ approvals }) {
      const found = yield* approvals.list({
        thread: Option.getOrUndefined(thread),
        pending: !all,
        limit
      })
      for (const approval of found) {
        const { askedAt, id, key, request, status } = approval
        const line = `${id}  ${formatTime(askedAt)}  ${status.padEnd(9)}  ${key}  ${Approval.summarize(request)}`
        yield* Output.print(json ? toJson(approval) : printableLine(line, Math.max(80, width)))
      }
      if (found.length === 0 && !json) yield* Console.error("No approval requests.")
    })
  )
})

/** Everything that a decision is about: the one rendering of requests, and the hash that an answer names. */
const shownLines = (approval: DurableApproval): ReadonlyArray<string> => [
  `The agent asks to ${approval.text}`,
  "",
  `hash    ${approval.hash}`,
  `turn    ${visible(approval.key)}`,
  `thread  ${visible(approval.thread)}`,
  `asked   ${formatTime(approval.askedAt)}`,
  ...(approval.expiresAt === null ? [] : [`expires ${formatTime(approval.expiresAt)}`]),
  `state   ${approval.status}`,
  ...(approval.decision === null
    ? []
    : [
        `answer  ${Approval.decisionName(approval.decision)}, by ${visible(approval.decidedBy ?? "unknown")}` +
          (approval.decidedAt === null ? "" : `, ${formatTime(approval.decidedAt)}`)
      ])
]

const print = (approval: DurableApproval, json: boolean) =>
  json
    ? Output.print(toJson(approval))
    : Effect.forEach(shownLines(approval), (line) => Output.print(line), { discard: true })

export const show = Effect.fnUntraced(function* ({ db, id, json }: ApprovalsShowInput) {
  yield* withDurable(db, ({ approvals }) =>
    Effect.flatMap(approvals.show(id), (approval) => print(approval, json))
  )
})

/** Parses `--answer QUESTION=TEXT`. A question can have several. */
const parseAnswers = Effect.fnUntraced(function* (given: ReadonlyArray<string>) {
  const answers: Record<string, Array<string>> = {}
  for (const pair of given) {
    const at = pair.indexOf("=")
    if (at < 1) return yield* new UsageError({ text: `--answer takes QUESTION=TEXT, not "${pair}"` })
    const question = pair.slice(0, at)
    answers[question] = [...(answers[question] ?? []), pair.slice(at + 1)]
  }
  return answers
})

const decisionOf = Effect.fnUntraced(function* (input: ApprovalsAnswerInput) {
  const answers = yield* parseAnswers(input.answer)
  if (input.decision === "decline")
    return Approval.decline(Option.getOrElse(input.reason, () => "declined by a person"))
  if (Option.isSome(input.reason)) return yield* new UsageError({ text: "--reason is for decline" })
  if (Object.keys(answers).length > 0) return Approval.answer(answers)
  return input.decision === "accept" ? Approval.accept : Approval.acceptForSession
})

/** The name of the user of this process; a container can run as a user without one. */
const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`
  }
}

export const answer = Effect.fnUntraced(function* (input: ApprovalsAnswerInput) {
  const decision = yield* decisionOf(input)
  const by = Option.getOrElse(input.by, userName)
  yield* withDurable(
    input.db,
    Effect.fnUntraced(function* ({ approvals }) {
      const { hash } = yield* approvals.show(input.id)
      yield* approvals.answer(input.id, { decision, hash: Option.getOrElse(input.hash, () => hash) }, by)
      if (input.json) return yield* print(yield* approvals.show(input.id), true)
      yield* Output.printError(`${Approval.decisionName(decision)}: ${input.id}`)
    })
  )
})
