/**
 * The format of a cassette: one JSON object a line. The first line is the header; the last line counts the turns, so that a
 * reader notices a file that is cut off.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import * as Goal from "../../domain/Goal.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import * as Item from "../../domain/Item.ts"
import * as Terminal from "../../domain/Terminal.ts"
import * as ThreadSettings from "../../domain/ThreadSettings.ts"
import * as Turn from "../../domain/Turn.ts"
import type * as Review from "../../domain/Review.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"

export const name = "effect-codex/cassette"
/**
 * The version of the format that the library writes. It reads version 1 too, which has no turns that Codex starts by itself, no
 * goals, sub-agents, settings and events of background terminals.
 */
export const version = 2
const readableVersions = [1, version] as const

/**
 * A recording cannot be read or written.
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends Schema.TaggedError<CassetteError>()("CassetteError", {
  reason: Schema.Literals(["Unreadable", "Corrupt", "UnsupportedVersion", "Unwritable"]),
  file: Schema.String,
  /** The line in the file, from 1. */
  line: Schema.optionalKey(Schema.Int),
  detail: Schema.String
}) {
  override get message() {
    const at = this.line === undefined ? "" : `:${this.line}`
    return `CassetteError: ${this.file}${at}: ${this.detail}`
  }
}

/** How a recorded call ended. */
const RecordedOutcome = Schema.TaggedUnion({
  Success: { value: Schema.optionalKey(Schema.Unknown) },
  Failure: { error: CodexError.CodexError },
  Interrupted: {},
  /** A defect, as text. */
  Died: { detail: Schema.String }
})
export type RecordedOutcome = typeof RecordedOutcome.Type

/** Converts the exit of an engine's effect for the file. */
export const outcome = (exit: Exit.Exit<unknown, CodexError.CodexError>): RecordedOutcome => {
  if (Exit.isSuccess(exit))
    return exit.value === undefined ? { _tag: "Success" } : { _tag: "Success", value: exit.value }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error !== undefined) return { _tag: "Failure", error }
  return Cause.hasInterruptsOnly(exit.cause)
    ? { _tag: "Interrupted" }
    : { _tag: "Died", detail: Cause.pretty(exit.cause).split("\n")[0] ?? "" }
}

const partTypes: { readonly [Tag in TurnOptions.InputPart["_tag"]]: string } = {
  Text: "text",
  Image: "image",
  LocalImage: "local_image",
  Audio: "audio",
  LocalAudio: "local_audio",
  Skill: "skill",
  Mention: "mention",
  Attachment: "attachment"
}

/** Converts the input of a turn for the file. There, parts have a `type` in snake case instead of a `_tag`. */
export const turnInput = (input: TurnOptions.TurnInput): unknown =>
  typeof input === "string" ? input : input.map(({ _tag, ...part }) => ({ type: partTypes[_tag], ...part }))

/** Converts what a review looks at for the file. */
export const reviewTarget = ({ _tag, ...target }: Review.ReviewTarget): unknown => ({
  type: _tag.toLowerCase(),
  ...target
})

/** Milliseconds since the start of the turn. */
const at = Schema.Finite
const thread = Schema.Natural

const ToolCall = Schema.Struct({ callId: ItemId, tool: Schema.String, arguments: Schema.Unknown })
const ToolOutput = Schema.Struct({
  success: Schema.Boolean,
  text: Schema.String,
  content: Schema.optional(Schema.Array(Item.ToolContent))
})

/**
 * When something happens that the program does not request: `wait` milliseconds after this number of actions on the thread.
 * Actions are opened handles, the starts of requested turns, the ends of all turns, requests about goals and background
 * terminals, and raw requests about the thread.
 */
const Due = Schema.Struct({ after: Schema.Natural, wait: Schema.Finite })
export type Due = typeof Due.Type

/** Where something belongs that the program does not request: in a turn with its time, or outside any turn. */
const place = { at, thread: Schema.optionalKey(thread), due: Schema.optionalKey(Due) }

/** The number of a sub-agent of a turn, from 1. */
const agent = Schema.Natural

/**
 * One line. The lines of a turn are contiguous, from `Turn` to `Ended`. `thread` numbers the opened threads, `ask` numbers
 * the approvals and tool calls of a turn, both from 1.
 */
export const CassetteLine = Schema.TaggedUnion({
  Header: {
    format: Schema.Literal(name),
    version: Schema.Literals(readableVersions),
    /** The recorded engine, for human readers. */
    engine: Schema.optionalKey(Schema.String)
  },
  Opened: {
    thread,
    how: Schema.Literals(["start", "resume", "fork"]),
    of: Schema.optionalKey(Schema.String),
    options: Schema.Unknown,
    outcome: RecordedOutcome
  },
  /** A request to the engine outside any turn. */
  Asked: {
    method: Schema.String,
    args: Schema.Array(Schema.Unknown),
    /** How many milliseconds a request about goals took. */
    took: Schema.optionalKey(Schema.Finite),
    outcome: RecordedOutcome
  },
  Turn: {
    thread,
    turn: Schema.Natural,
    /** `adopted`: Codex starts the turn by itself. */
    how: Schema.Literals(["run", "compact", "review", "adopted"]),
    input: Schema.optionalKey(Schema.Unknown),
    options: Schema.optionalKey(Schema.Unknown),
    /** The settings that the turn runs with, if the engine reports them. */
    settings: Schema.optionalKey(ThreadSettings.ThreadSettings),
    /** Of an adopted turn. */
    turnId: Schema.optionalKey(TurnId),
    due: Schema.optionalKey(Due)
  },
  /** The event's own `at` is also relative to the start of the turn. */
  Event: { event: Turn.TurnEvent },
  Approve: {
    at,
    ask: Schema.Natural,
    agent: Schema.optionalKey(agent),
    request: Approval.ApprovalRequest
  },
  Decided: { at, ask: Schema.Natural, decision: Approval.ApprovalDecision },
  Call: { at, ask: Schema.Natural, agent: Schema.optionalKey(agent), call: ToolCall },
  Returned: { at, ask: Schema.Natural, output: ToolOutput },
  /** In a turn, or outside any turn with the time 0. Only a program that subscribes to notifications has such lines. */
  Notified: { at, method: Schema.String, params: Schema.Unknown },
  Steered: { at, input: Schema.Unknown, outcome: RecordedOutcome },
  /** A sub-agent of the turn starts a turn of its own, emits an event, and ends. */
  AgentStarted: { at, agent, threadId: ThreadId, turnId: TurnId },
  AgentEmitted: { at, agent, event: Turn.TurnEvent },
  AgentEnded: { at, agent, outcome: RecordedOutcome },
  /** The engine reports other settings of the thread. */
  Settings: { at, settings: ThreadSettings.ThreadSettings },
  /** The goal of the thread changes; without `goal` it is cleared. */
  Goal: { ...place, goal: Schema.optionalKey(Goal.Goal) },
  /** An event of a background terminal. All output of a terminal is in one event, before its end. */
  Terminal: { ...place, event: Terminal.TerminalEvent },
  /** The engine ends, outside any turn. */
  Exited: { ...place, outcome: RecordedOutcome },
  Ended: { at, outcome: RecordedOutcome },
  End: { turns: Schema.Natural }
})
export type CassetteLine = typeof CassetteLine.Type
export type LineOf<Tag extends CassetteLine["_tag"]> = Extract<CassetteLine, { readonly _tag: Tag }>

const entryTags = [
  "Event",
  "Notified",
  "Approve",
  "Decided",
  "Call",
  "Returned",
  "Steered",
  "AgentStarted",
  "AgentEmitted",
  "AgentEnded",
  "Settings",
  "Goal",
  "Terminal",
  "Exited"
] as const satisfies ReadonlyArray<CassetteLine["_tag"]>

/** A line between the start and the end of a turn. */
export type Entry = LineOf<(typeof entryTags)[number]>

/** A line about something that the program does not request. */
export type Unrequested = LineOf<"Goal" | "Terminal" | "Exited">

/** The time of an entry, in milliseconds since the start of the turn. */
export const timeOf = (entry: Entry): number => (entry._tag === "Event" ? entry.event.at : entry.at)

export const encode: (line: unknown) => unknown = Schema.encodeUnknownSync(CassetteLine)
const decode = Schema.decodeUnknownExit(CassetteLine)

/** A recorded turn; `line` is its first line in the file, from 1. */
export interface RecordedTurn {
  readonly line: number
  readonly head: LineOf<"Turn">
  readonly entries: ReadonlyArray<Entry>
  readonly end: LineOf<"Ended">
}

export interface Recording {
  readonly _tag: "Recording"
  readonly header: LineOf<"Header">
  readonly opened: ReadonlyArray<LineOf<"Opened"> & { readonly line: number }>
  readonly asked: ReadonlyArray<LineOf<"Asked"> & { readonly line: number }>
  readonly turns: ReadonlyArray<RecordedTurn>
  /** Notifications outside turns; `after` is the line that they follow, from 1. */
  readonly notified: ReadonlyArray<LineOf<"Notified"> & { readonly after: number }>
  /** What happens outside turns without a request. */
  readonly unrequested: ReadonlyArray<Unrequested>
}

export const isEntry = (line: CassetteLine): line is Entry => entryTags.some((tag) => tag === line._tag)

const isUnrequested = (line: CassetteLine): line is Unrequested =>
  line._tag === "Goal" || line._tag === "Terminal" || line._tag === "Exited"

const versionOf = Schema.decodeUnknownOption(
  Schema.Struct({ format: Schema.Literal(name), version: Schema.Unknown })
)

/** Parses a whole cassette. */
export const parse = (file: string, bytes: Uint8Array): Recording | CassetteError => {
  const corrupt = (line: number, detail: string) =>
    new CassetteError({ reason: "Corrupt", file, line, detail: `${detail}; record it again` })
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return corrupt(1, "the file is not UTF-8 text")
  }
  const rows = text.split("\n")
  const opened: Array<LineOf<"Opened"> & { readonly line: number }> = []
  const asked: Array<LineOf<"Asked"> & { readonly line: number }> = []
  const turns: Array<RecordedTurn> = []
  let header: LineOf<"Header"> | undefined
  let currentTurn:
    | { readonly line: number; readonly head: LineOf<"Turn">; readonly entries: Array<Entry> }
    | undefined
  const notified: Array<LineOf<"Notified"> & { readonly after: number }> = []
  const unrequested: Array<Unrequested> = []
  /** The last line that a request causes; of a turn, its first line. */
  let previous = 1
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
      return corrupt(line, "this line is not JSON")
    }
    if (header === undefined) {
      const first = Option.getOrUndefined(versionOf(value))
      if (first === undefined) return corrupt(line, "the first line is not the header of a cassette")
      if (!readableVersions.some((readable) => readable === first.version)) {
        const detail = `this is format version ${JSON.stringify(first.version)}, and this effect-codex reads only versions ${readableVersions.join(" and ")}; record it again, or use the effect-codex that wrote it`
        return new CassetteError({ reason: "UnsupportedVersion", file, line, detail })
      }
    }
    const decoded = decode(value)
    if (Exit.isFailure(decoded)) return corrupt(line, "this line is not a line of a cassette")
    const found = decoded.value
    if (ended) return corrupt(line, "this line follows the last line of the recording")
    if (currentTurn === undefined && found._tag !== "Notified" && !isUnrequested(found)) previous = line
    if (header === undefined) {
      if (found._tag !== "Header") return corrupt(line, "the first line is not the header of a cassette")
      header = found
    } else if (currentTurn !== undefined) {
      if (isEntry(found)) currentTurn.entries.push(found)
      else if (found._tag === "Ended") {
        turns.push({ ...currentTurn, end: found })
        currentTurn = undefined
      } else return corrupt(line, `turn ${currentTurn.head.turn} has no end`)
    } else if (found._tag === "Turn") currentTurn = { line, head: found, entries: [] }
    else if (found._tag === "Opened") opened.push({ ...found, line })
    else if (found._tag === "Asked") asked.push({ ...found, line })
    else if (found._tag === "Notified") notified.push({ ...found, after: previous })
    else if (isUnrequested(found)) unrequested.push(found)
    else if (found._tag === "End" && found.turns === turns.length) ended = true
    else return corrupt(line, "this line is in the wrong place")
  }
  if (header === undefined) return corrupt(1, "the file is empty")
  if (!ended) return corrupt(rows.length, "the end is missing: the recording was cut off")
  return { _tag: "Recording", header, opened, asked, turns, notified, unrequested }
}
