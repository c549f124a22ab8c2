/** What stands in a cassette: one JSON per line, the first says what it is, the last that nothing is missing. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId } from "../../domain/Ids.ts"
import * as Turn from "../../domain/Turn.ts"

export const name = "effect-codex/cassette"
/** What this library writes, and all that it reads. */
export const version = 1

export class CassetteError extends Schema.TaggedError<CassetteError>()("CassetteError", {
  reason: Schema.Literals(["Unreadable", "Corrupt", "UnsupportedVersion", "Unwritable"]),
  file: Schema.String,
  /** Counted from 1. */
  line: Schema.optionalKey(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const at = this.line === undefined ? "" : `:${this.line}`
    return `CassetteError: ${this.file}${at}: ${this.detail}`
  }
}

/** How something that was asked ended. */
const RecordedOutcome = Schema.TaggedUnion({
  Success: { value: Schema.optionalKey(Schema.Unknown) },
  Failure: { error: CodexError.CodexError },
  Interrupted: {},
  /** A bug: what is known of it as text. */
  Died: { detail: Schema.String }
})
export type RecordedOutcome = typeof RecordedOutcome.Type

/** How an effect of the engine's ended, as it is written. */
export const outcome = (exit: Exit.Exit<unknown, CodexError.CodexError>): RecordedOutcome => {
  if (Exit.isSuccess(exit))
    return exit.value === undefined ? { _tag: "Success" } : { _tag: "Success", value: exit.value }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error !== undefined) return { _tag: "Failure", error }
  return Cause.hasInterruptsOnly(exit.cause)
    ? { _tag: "Interrupted" }
    : { _tag: "Died", detail: Cause.pretty(exit.cause).split("\n")[0] ?? "" }
}

/** Milliseconds since the turn began. */
const at = Schema.Finite
const thread = Schema.Natural

const ToolCall = Schema.Struct({ callId: ItemId, tool: Schema.String, arguments: Schema.Unknown })
const ToolOutput = Schema.Struct({ success: Schema.Boolean, text: Schema.String })

/**
 * A line. Those of one turn stand together, from `Turn` to `Ended`; `thread` counts the threads that were opened and
 * `ask` the questions of a turn, both from 1.
 */
export const CassetteLine = Schema.TaggedUnion({
  Header: {
    format: Schema.Literal(name),
    version: Schema.Literal(version),
    /** What was recorded, for whoever reads it. */
    engine: Schema.optionalKey(Schema.String)
  },
  Opened: {
    thread,
    how: Schema.Literals(["start", "resume", "fork"]),
    of: Schema.optionalKey(Schema.String),
    options: Schema.Unknown,
    outcome: RecordedOutcome
  },
  /** Something that was asked of the engine beside any turn. */
  Asked: { method: Schema.String, args: Schema.Array(Schema.Unknown), outcome: RecordedOutcome },
  Turn: {
    thread,
    turn: Schema.Natural,
    how: Schema.Literals(["run", "compact"]),
    input: Schema.optionalKey(Schema.Unknown),
    options: Schema.optionalKey(Schema.Unknown)
  },
  /** The event's own `at` is counted like all others. */
  Event: { event: Turn.TurnEvent },
  Approve: { at, ask: Schema.Natural, request: Approval.ApprovalRequest },
  Decided: { at, ask: Schema.Natural, decision: Approval.ApprovalDecision },
  Call: { at, ask: Schema.Natural, call: ToolCall },
  Returned: { at, ask: Schema.Natural, output: ToolOutput },
  Steered: { at, input: Schema.Unknown, outcome: RecordedOutcome },
  Ended: { at, outcome: RecordedOutcome },
  End: { turns: Schema.Natural }
})
export type CassetteLine = typeof CassetteLine.Type
export type Of<Tag extends CassetteLine["_tag"]> = Extract<CassetteLine, { readonly _tag: Tag }>

/** What happens in a turn, before its end. */
export type Entry = Of<"Event" | "Approve" | "Decided" | "Call" | "Returned" | "Steered">

/** When it happened, in milliseconds since the turn began. */
export const timeOf = (entry: Entry): number => (entry._tag === "Event" ? entry.event.at : entry.at)

export const encode = Schema.encodeUnknownSync(CassetteLine)
const decode = Schema.decodeUnknownExit(CassetteLine)

/** A turn as it was recorded; `line` is where it stands in the file, counted from 1. */
export interface RecordedTurn {
  readonly line: number
  readonly head: Of<"Turn">
  readonly entries: ReadonlyArray<Entry>
  readonly end: Of<"Ended">
}

export interface Recording {
  readonly _tag: "Recording"
  readonly header: Of<"Header">
  readonly opened: ReadonlyArray<Of<"Opened"> & { readonly line: number }>
  readonly asked: ReadonlyArray<Of<"Asked"> & { readonly line: number }>
  readonly turns: ReadonlyArray<RecordedTurn>
}

export const isEntry = (line: CassetteLine): line is Entry =>
  ["Event", "Approve", "Decided", "Call", "Returned", "Steered"].includes(line._tag)

const versionOf = Schema.decodeUnknownOption(
  Schema.Struct({ format: Schema.Literal(name), version: Schema.Unknown })
)

/** Reads a whole cassette. */
export const parse = (file: string, bytes: Uint8Array): Recording | CassetteError => {
  const corrupt = (line: number, detail: string) =>
    new CassetteError({ reason: "Corrupt", file, line, detail: `${detail}; record it again` })
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return corrupt(1, "this is no text in UTF-8")
  }
  const rows = text.split("\n")
  const opened: Array<Of<"Opened"> & { readonly line: number }> = []
  const asked: Array<Of<"Asked"> & { readonly line: number }> = []
  const turns: Array<RecordedTurn> = []
  let header: Of<"Header"> | undefined
  let running:
    | { readonly line: number; readonly head: Of<"Turn">; readonly entries: Array<Entry> }
    | undefined
  let ended = false
  for (const [index, row] of rows.entries()) {
    const line = index + 1
    const isLast = line === rows.length
    if (isLast && row === "") break
    if (isLast) return corrupt(line, "the file is cut off in the middle of this line")
    let value: unknown
    try {
      value = JSON.parse(row)
    } catch {
      return corrupt(line, "this line is no JSON")
    }
    if (header === undefined) {
      const said = Option.getOrUndefined(versionOf(value))
      if (said === undefined) return corrupt(line, "this is not how a cassette begins")
      if (said.version !== version) {
        const detail = `this is format version ${JSON.stringify(said.version)}, and ${version} is all that is read here; record it again, or use the effect-codex that wrote it`
        return new CassetteError({ reason: "UnsupportedVersion", file, line, detail })
      }
    }
    const decoded = decode(value)
    if (Exit.isFailure(decoded)) return corrupt(line, "this line is not one of a cassette")
    const found = decoded.value
    if (ended) return corrupt(line, "something follows the end")
    if (header === undefined) {
      if (found._tag !== "Header") return corrupt(line, "this is not how a cassette begins")
      header = found
    } else if (running !== undefined) {
      if (isEntry(found)) running.entries.push(found)
      else if (found._tag === "Ended") {
        turns.push({ ...running, end: found })
        running = undefined
      } else return corrupt(line, `turn ${running.head.turn} has no end`)
    } else if (found._tag === "Turn") running = { line, head: found, entries: [] }
    else if (found._tag === "Opened") opened.push({ ...found, line })
    else if (found._tag === "Asked") asked.push({ ...found, line })
    else if (found._tag === "End" && found.turns === turns.length) ended = true
    else return corrupt(line, "this line has no place here")
  }
  if (header === undefined) return corrupt(1, "the file is empty")
  if (!ended) return corrupt(rows.length, "the end is missing: the recording was cut off")
  return { _tag: "Recording", header, opened, asked, turns }
}
