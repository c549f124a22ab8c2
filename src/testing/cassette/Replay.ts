/** What the parts of a replay share: the comparison of the program with the recording, and the recorded outcomes. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CodexError from "../../domain/CodexError.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as JsonDiff from "./JsonDiff.ts"
import * as Normalizer from "./Normalizer.ts"
import * as RecordedNotifications from "./RecordedNotifications.ts"
import * as ReplayClock from "./ReplayClock.ts"

/**
 * The program differs from its recording.
 * @since 0.1.0
 * @category errors
 */
export class CassetteMismatch extends Data.TaggedError("CassetteMismatch")<{
  readonly file: string
  /** The line of the expectation in the file, from 1. */
  readonly line: number | undefined
  readonly detail: string
}> {
  override get message() {
    const at = this.line === undefined ? "" : `:${this.line}`
    return `${this.detail}\n  recorded in ${this.file}${at}; if the change is intended, record it again`
  }
}

export interface PlayerOptions {
  /** The scrubbing of the recording. The replay scrubs the program's values before it compares them. */
  readonly scrub: (value: unknown) => unknown
  /** `recorded` waits as long as the recording did, on the current clock; `instant` never waits. */
  readonly timing: "recorded" | "instant"
}

/** A part of the recording, which is played at most once. */
export interface Playable<A> {
  readonly value: A
  isPlayed: boolean
}

export interface Replay {
  readonly normalizer: Normalizer.Normalizer
  readonly notifications: RecordedNotifications.PlayedNotifications
  readonly turns: ReadonlyArray<Playable<CassetteFormat.RecordedTurn>>
  readonly unrequested: CassetteFormat.Recording["unrequested"]
  /** Whether the recording has the times at which limits reset relative to its own time. Those of version 1 are absolute. */
  readonly hasRelativeTimes: boolean
  /** Waits as long as the recording did, unless the timing is `instant`. */
  readonly sleep: (millis: number) => Effect.Effect<void>
  readonly waitFor: ReplayClock.ReplayClock["waitFor"]
  /** Returns a value of the program as the recording contains it. */
  readonly normalize: (value: unknown) => unknown
  /** Dies with a `CassetteMismatch`. */
  readonly mismatch: (line: number | undefined, detail: string) => Effect.Effect<never>
  /** Dies with the first difference between the recording and the program. */
  readonly compare: (
    subject: string,
    line: number,
    expected: unknown,
    actual: unknown,
    path: string
  ) => Effect.Effect<void>
  /** Returns the recorded outcome. */
  readonly replayOutcome: <A, E extends CodexError.CodexError>(
    outcome: CassetteFormat.RecordedOutcome,
    value: (value: unknown) => Effect.Effect<A>,
    isExpected: (error: CodexError.CodexError) => error is E
  ) => Effect.Effect<A, E>
  /** Reports a turn that the program interrupts only in the replay, if the program ends otherwise without an error. */
  readonly reportInterrupted: (detail: string) => void
  readonly interruptedTurns: () => ReadonlyArray<string>
}

/** Replays a request outside any turn. */
export type RequestPlayer = <A, E extends CodexError.CodexError>(
  method: string,
  args: ReadonlyArray<unknown>,
  value: (value: unknown) => Effect.Effect<A>,
  isExpected: (error: CodexError.CodexError) => error is E
) => Effect.Effect<A, E>

export const make = Effect.fnUntraced(function* (
  file: string,
  recording: CassetteFormat.Recording,
  options: PlayerOptions
): Effect.fn.Return<Replay, never, Scope.Scope> {
  const normalizer = Normalizer.make("play")
  const clock = yield* ReplayClock.make
  const hasRelativeTimes = recording.header.version > 1
  const interruptedTurns: Array<string> = []
  const normalize = (value: unknown): unknown => options.scrub(normalizer.normalize(Normalizer.toJson(value)))
  const mismatch = (line: number | undefined, detail: string) =>
    Effect.die(new CassetteMismatch({ file, line, detail }))

  const replayOutcome: Replay["replayOutcome"] = (outcome, value, isExpected) => {
    switch (outcome._tag) {
      case "Success":
        return value(normalizer.restore(outcome.value))
      case "Failure":
        return isExpected(outcome.error)
          ? Effect.fail(outcome.error)
          : mismatch(undefined, `${outcome.error._tag} is not an error of the recorded call`)
      // The program interrupted the call in the recording, so it must do so again.
      case "Interrupted":
        return clock.waitFor(0, Effect.never)
      case "Died":
        return Effect.die(new Error(`the recorded call died: ${outcome.detail}`))
    }
  }

  return {
    normalizer,
    notifications: RecordedNotifications.makePlayer(recording.notified, normalizer.restore, hasRelativeTimes),
    hasRelativeTimes,
    unrequested: recording.unrequested,
    turns: recording.turns.map((value) => ({ value, isPlayed: false })),
    sleep: (millis) => (options.timing === "instant" ? Effect.void : clock.sleep(millis)),
    waitFor: clock.waitFor,
    normalize,
    mismatch,
    compare: (subject, line, expected, actual, path) =>
      Effect.suspend(() => {
        const found = JsonDiff.first(expected, normalize(actual), path)
        return found === undefined
          ? Effect.void
          : mismatch(line, `${subject} differs from the recording\n${JsonDiff.describe(found)}`)
      }),
    replayOutcome,
    reportInterrupted: (detail) => void interruptedTurns.push(detail),
    interruptedTurns: () => interruptedTurns
  }
})

const startErrors = new Set<string>([
  "CodexNotFound",
  "CodexVersionUnsupported",
  "EngineStartFailed",
  "EngineExited",
  "EngineUnreachable",
  "ProtocolError",
  "InvalidRequest",
  "ThreadBusy"
])
export const isStartError = (error: CodexError.CodexError): error is CodexError.StartError =>
  startErrors.has(error._tag)
export const isRequestError = (error: CodexError.CodexError): error is CodexError.RequestError =>
  ["EngineExited", "EngineUnreachable", "ProtocolError", "InvalidRequest", "ThreadBusy"].includes(error._tag)
export const isTurnError = (error: CodexError.CodexError): error is CodexError.TurnError =>
  isRequestError(error) || !startErrors.has(error._tag)
