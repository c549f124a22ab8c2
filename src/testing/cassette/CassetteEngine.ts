/**
 * Cassettes: what an engine was asked and said, written to a file once and played from it ever after. A replay needs no
 * Codex, no network and no time, and fails when the program does something else than it did.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Engine from "../../engine/Engine.ts"
import * as CassetteFile from "./CassetteFile.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import * as Player from "./Player.ts"
import * as Recorder from "./Recorder.ts"

export { CassetteError, version } from "./CassetteFormat.ts"
export { CassetteMismatch } from "./Player.ts"

/** What may be written of a value of JSON. It must keep its shape: text for text, list for list. */
export type Scrub = (value: unknown) => unknown

export interface RecordOptions {
  readonly scrub: Scrub
  /** A file that cannot be written: `warn` once and record no more (default), or have the run `fail` with a defect. */
  readonly onError?: "warn" | "fail" | undefined
  /** `none` writes all times as 0, so that recordings of one program are equal; default `recorded`. */
  readonly times?: "recorded" | "none" | undefined
  /** What is recorded, as the header tells it: `codex 0.169.0`. */
  readonly engine?: string | undefined
}

/** Wraps an engine and writes down all that goes through it. The file is replaced, and private to its owner (0600). */
export const record = (
  file: string,
  options: RecordOptions
): Layer.Layer<Engine.Engine, never, Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.flatMap(Engine.Engine, (engine) =>
      Recorder.make(file, engine, {
        scrub: options.scrub,
        onError: options.onError ?? "warn",
        times: options.times ?? "recorded",
        engine: options.engine
      })
    )
  )

export interface ReplayOptions {
  readonly scrub: Scrub
  /** `recorded` takes as long as it took, by whatever clock is in force (default); `instant` never waits. */
  readonly timing?: "recorded" | "instant" | undefined
}

const read = Effect.fnUntraced(function* (file: string) {
  const bytes = yield* CassetteFile.read(file)
  const recording = CassetteFormat.parse(file, bytes)
  if (recording._tag === "Recording") return recording
  const copy = recording.reason === "Corrupt" ? CassetteFile.keepCopy(file, bytes) : undefined
  const { detail } = recording
  return yield* copy === undefined
    ? recording
    : new CassetteFormat.CassetteError({ ...recording, detail: `${detail}; a copy is kept in ${copy}` })
})

/**
 * The engine of a recording. A program that does something else dies with a `CassetteMismatch`, and so does one that
 * leaves a part of the recording over. A file that is corrupt, cut off or of another format fails with a `CassetteError`.
 */
export const replay = (
  file: string,
  options: ReplayOptions
): Layer.Layer<Engine.Engine, CassetteFormat.CassetteError> =>
  Layer.effect(
    Engine.Engine,
    Effect.flatMap(read(file), (recording) =>
      Player.make(file, recording, { scrub: options.scrub, timing: options.timing ?? "recorded" })
    )
  )
