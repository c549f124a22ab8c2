/** What `effect-codex doctor` finds: one result for each check, as data and as text. */
import * as Schema from "effect/Schema"
import type { CodexError } from "../../domain/CodexError.ts"
import type { TerminalStyle } from "../TerminalStyle.ts"
import { wrap } from "../WrapText.ts"

/** `problem`: something that turns need is broken. `warning`: turns run, but something is missing or not as it should be. */
export const CheckStatus = Schema.Literals(["ok", "warning", "problem"])
export type CheckStatus = typeof CheckStatus.Type

export const CheckResult = Schema.Struct({
  /** What was checked, such as `codex` or `login`. */
  name: Schema.String,
  status: CheckStatus,
  message: Schema.String,
  /** What to do about it; null if nothing is to be done. */
  nextStep: Schema.NullOr(Schema.String)
})
export interface CheckResult extends Schema.Schema.Type<typeof CheckResult> {}

/** The content of `doctor --json`. Later versions with the same number can add checks and fields. */
export const DoctorReport = Schema.Struct({
  version: Schema.Literal(1),
  /** Whether no check found a problem. */
  ok: Schema.Boolean,
  checks: Schema.Array(CheckResult)
})
export interface DoctorReport extends Schema.Schema.Type<typeof DoctorReport> {}

export const make = (checks: ReadonlyArray<CheckResult>): DoctorReport => ({
  version: 1,
  ok: checks.every(({ status }) => status !== "problem"),
  checks
})

export const ok = (name: string, message: string): CheckResult => ({
  name,
  status: "ok",
  message,
  nextStep: null
})

export const warning = (name: string, message: string, nextStep: string): CheckResult => ({
  name,
  status: "warning",
  message,
  nextStep
})

export const problem = (name: string, message: string, nextStep: string): CheckResult => ({
  name,
  status: "problem",
  message,
  nextStep
})

/** The problem that an error describes. Its message ends with the next step. */
export const fromError = (name: string, error: CodexError): CheckResult => {
  const { message, nextStep } = error
  const end = `; ${nextStep}`
  return problem(name, message.endsWith(end) ? message.slice(0, -end.length) : message, nextStep)
}

const codes: { readonly [Status in CheckStatus]: number } = { ok: 32, warning: 33, problem: 31 }

/** Formats one result: its status, its name, what was found, and the next step on lines of their own. */
export const lines = (
  { message, name, nextStep, status }: CheckResult,
  { color, width }: TerminalStyle
): ReadonlyArray<string> => {
  const label = color ? `\u001b[${codes[status]}m${status.padEnd(7)}\u001b[0m` : status.padEnd(7)
  const isNarrow = width < 60
  const indent = isNarrow ? "  " : " ".repeat(20)
  const text = wrap(message, width, indent)
  const head = `${label} ${isNarrow ? name : name.padEnd(11)}`
  const step = nextStep === null ? [] : wrap(`→ ${nextStep}`, width, indent)
  return isNarrow
    ? [head, ...text, ...step]
    : [`${head} ${(text[0] ?? "").trimStart()}`, ...text.slice(1), ...step]
}
