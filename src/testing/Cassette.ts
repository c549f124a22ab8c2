/**
 * Record a program with the real Codex once, and play the recording in every test from then on:
 *
 * ```ts
 * const engine = process.env.RECORD
 *   ? Cassette.record("test/tickets.jsonl").pipe(Layer.provide(AppServer.layer))
 *   : Cassette.replay("test/tickets.jsonl")
 * ```
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CassetteEngine from "./cassette/CassetteEngine.ts"
import type * as Engine from "../engine/Engine.ts"
import * as Redaction from "../redaction/Redaction.ts"
import * as Settings from "../telemetry/config/Settings.ts"

export { CassetteError, CassetteMismatch } from "./cassette/CassetteEngine.ts"

interface Scrubbing {
  /** What else must not be written, beside what telemetry masks; give a replay the same. */
  readonly rules?: ReadonlyArray<Redaction.RedactionRule> | undefined
  /** Scrubs instead of all that, or `false`: everything is written as it is. */
  readonly scrub?: CassetteEngine.Scrub | false | undefined
}

export interface RecordOptions extends Omit<CassetteEngine.RecordOptions, "scrub">, Scrubbing {}
export interface ReplayOptions extends Omit<CassetteEngine.ReplayOptions, "scrub">, Scrubbing {}

/** A cut text would be another text: nothing is cut here. */
const scrubOf = ({ rules = [], scrub }: Scrubbing): Effect.Effect<CassetteEngine.Scrub> =>
  Effect.map(Settings.Environment, (environment) => {
    if (scrub !== undefined) return scrub === false ? (value) => value : scrub
    const { value } = Redaction.make({ rules, limit: Infinity }, environment)
    return (json) => value(json)
  })

/** Wraps an engine and writes down all that goes through it, without secrets. The file is replaced; its mode is 0600. */
export const record = (
  file: string,
  options: RecordOptions = {}
): Layer.Layer<Engine.Engine, never, Engine.Engine> =>
  Layer.unwrap(Effect.map(scrubOf(options), (scrub) => CassetteEngine.record(file, { ...options, scrub })))

/** The engine of a recording: no Codex, no network, the clock of the test. */
export const replay = (
  file: string,
  options: ReplayOptions = {}
): Layer.Layer<Engine.Engine, CassetteEngine.CassetteError> =>
  Layer.unwrap(Effect.map(scrubOf(options), (scrub) => CassetteEngine.replay(file, { ...options, scrub })))
