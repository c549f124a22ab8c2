/**
 * Records the requests of a program to an engine and the engine's answers, and replays them later. A replay needs no
 * Codex, no network and no time, and fails when the program differs from its recording:
 *
 * ```ts
 * const engine = process.env.RECORD
 *   ? Cassette.record("test/tickets.jsonl").pipe(Layer.provide(AppServer.layer))
 *   : Cassette.replay("test/tickets.jsonl")
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Engine from "../engine/Engine.ts"
import * as KnownSecrets from "../redaction/KnownSecrets.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as Settings from "../telemetry/config/Settings.ts"
import * as CassetteFile from "./cassette/CassetteFile.ts"
import * as CassetteFormat from "./cassette/CassetteFormat.ts"
import * as Player from "./cassette/Player.ts"
import * as Recorder from "./cassette/Recorder.ts"

export { CassetteError } from "./cassette/CassetteFormat.ts"
export { CassetteMismatch } from "./cassette/Replay.ts"

/**
 * Removes secrets from a JSON value. It must keep the shape: a text for a text, a list for a list.
 * @since 0.1.0
 * @category models
 */
export type Scrub = (value: unknown) => unknown

interface ScrubOptions {
  /**
   * Redaction rules in addition to those of telemetry, which include the secrets in the environment of this process, of the
   * recorded engine and of its commands. Give a replay the same rules as its recording.
   */
  readonly rules?: ReadonlyArray<Redaction.RedactionRule> | undefined
  /** Replaces all redaction; `false` writes everything unredacted. */
  readonly scrub?: Scrub | false | undefined
}

/**
 * Options for recording.
 * @since 0.1.0
 * @category models
 */
export interface RecordOptions extends ScrubOptions {
  /** What happens when the file cannot be written: `warn` logs once and stops recording (default), `fail` dies. */
  readonly onError?: "warn" | "fail" | undefined
  /** `none` writes all times as 0, so that two recordings of one program are equal; default `recorded`. */
  readonly times?: "recorded" | "none" | undefined
  /** The recorded engine, for the header of the file: `codex 0.169.0`. */
  readonly engine?: string | undefined
}

/**
 * Options for replaying.
 * @since 0.1.0
 * @category models
 */
export interface ReplayOptions extends ScrubOptions {
  /**
   * `recorded` takes as long as the recording did, on the current clock (default); `instant` never waits. A replay advances
   * a `TestClock` by itself, as long as a turn runs.
   */
  readonly timing?: "recorded" | "instant" | undefined
}

/** Redacts without a length limit: a truncated text would be a different text. */
const scrubbing = ({ rules = [], scrub }: ScrubOptions): Effect.Effect<Recorder.Scrubbing> =>
  Effect.map(Settings.Environment, (environment) => {
    if (scrub !== undefined)
      return { scrub: scrub === false ? (value) => value : scrub, addSecretsFrom: () => {} }
    const { add, value } = Redaction.make({ rules, limit: Infinity }, environment)
    return {
      scrub: (json) => value(json),
      addSecretsFrom: (environment) => add({ rules: KnownSecrets.fromEnvironment(environment) })
    }
  })

/**
 * Wraps an engine and records everything that passes through it, without secrets. Replaces the file; only its owner can
 * read it (mode 0600).
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { Cassette } from "effect-codex/testing"
 *
 * const Recording = Codex.layer.pipe(
 *   Layer.provide(Cassette.record("test/fixtures/fix-build.ndjson")),
 *   Layer.provide(AppServer.layer)
 * )
 * ```
 */
export const record = (
  file: string,
  options: RecordOptions = {}
): Layer.Layer<Engine.Engine, never, Engine.Engine> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      return yield* Recorder.make(file, yield* Engine.Engine, {
        ...(yield* scrubbing(options)),
        onError: options.onError ?? "warn",
        times: options.times ?? "recorded",
        engine: options.engine
      })
    })
  )

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
 * Replays a recording without Codex and network, on the current clock. A program that differs from the recording, or ends
 * before the recording does, dies with a `CassetteMismatch`. A file that is corrupt, truncated or in another format fails
 * with a `CassetteError`.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Codex } from "effect-codex"
 * import { Cassette } from "effect-codex/testing"
 *
 * const Replaying = Codex.layer.pipe(
 *   Layer.provide(Cassette.replay("test/fixtures/fix-build.ndjson", { timing: "instant" }))
 * )
 * ```
 */
export const replay = (
  file: string,
  options: ReplayOptions = {}
): Layer.Layer<Engine.Engine, CassetteFormat.CassetteError> =>
  Layer.effect(
    Engine.Engine,
    Effect.gen(function* () {
      const { scrub } = yield* scrubbing(options)
      const recording = yield* read(file)
      return yield* Player.make(file, recording, { scrub, timing: options.timing ?? "recorded" })
    })
  )
