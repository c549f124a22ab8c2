/** The settings of an engine host, as its supervisor receives them. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as CanonicalJson from "../internal/CanonicalJson.ts"

/**
 * Options of an engine host. They count when the host starts. A program that finds a running host with another `config` or
 * `env` fails with `EngineStartFailed`, reason `HostConflict`; without these options it takes the host as it is. If its Codex is
 * newer than that of the host, new turns run in the newer one; a `codexPath` to an older one is a `HostConflict` too.
 * @since 0.1.0
 * @category models
 */
export interface EngineHostOptions {
  /**
   * The directory of the host: where programs find it, and where it keeps its state and log. It is created if it is
   * missing, must belong to this user, and no other user may access it. A turn whose sandbox may write it does not start.
   */
  readonly dir: string
  /** The codex to run; default: `CODEX_PATH`, then the package `@openai/codex`, then `PATH`. */
  readonly codexPath?: string | undefined
  /** Overrides of Codex's configuration, in the form `key=value` of its `-c` flag. */
  readonly config?: ReadonlyArray<string> | undefined
  /** Environment variables for Codex in addition to the allow-list; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * How long the host waits without a client and without a loaded thread before it ends; default 10 minutes. The next
   * client starts it again. `Duration.infinity` keeps it.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long Codex may take to start; default 30 seconds. */
  readonly startTimeout?: Duration.Input | undefined
}

export const HostSettings = Schema.Struct({
  dir: Schema.String,
  codexPath: Schema.optionalKey(Schema.String),
  config: Schema.Array(Schema.String),
  env: Schema.Record(Schema.String, Schema.NullOr(Schema.String)),
  /** Absent: never. */
  idleTimeoutMillis: Schema.optionalKey(Schema.Finite),
  startTimeoutMillis: Schema.Finite,
  /** Whether the program asks for these settings for Codex. Without them, it takes those of the running host. */
  isSpecific: Schema.Boolean,
  /** How long running turns may take to end when the supervisor is interrupted. Absent: they end at once. */
  drainDeadlineMillis: Schema.optionalKey(Schema.Finite),
  /** `service`: a service manager runs the supervisor in the foreground. */
  mode: Schema.Literals(["start", "replace", "service"])
})
export type HostSettings = typeof HostSettings.Type

const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(HostSettings))

export const decode = (text: string): HostSettings | undefined => Option.getOrUndefined(decodeText(text))

export const startTimeoutOf = ({ startTimeout = "30 seconds" }: EngineHostOptions): Duration.Duration =>
  Duration.fromInputUnsafe(startTimeout)

/** Returns the settings of a supervisor. */
export const make = (options: EngineHostOptions, dir: string, mode: HostSettings["mode"]): HostSettings => {
  const idleTimeout = Duration.fromInputUnsafe(options.idleTimeout ?? "10 minutes")
  return {
    dir,
    ...(options.codexPath === undefined ? {} : { codexPath: options.codexPath }),
    config: options.config ?? [],
    env: Object.fromEntries(Object.entries(options.env ?? {}).map(([name, value]) => [name, value ?? null])),
    ...(Duration.isFinite(idleTimeout) ? { idleTimeoutMillis: Duration.toMillis(idleTimeout) } : {}),
    startTimeoutMillis: Duration.toMillis(startTimeoutOf(options)),
    isSpecific: isSpecific(options),
    mode
  }
}

/** Returns the settings of a supervisor that a service manager runs: it has its own settings, and is never idle. */
export const makeService = (
  options: Pick<EngineHostOptions, "config">,
  dir: string,
  drainDeadlineMillis: number
): HostSettings => ({
  ...make({ dir, config: options.config, idleTimeout: Duration.infinity }, dir, "service"),
  isSpecific: true,
  drainDeadlineMillis
})

/** The settings that a supervisor hands over to the next one. */
const Inherited = Schema.Struct({
  codexPath: HostSettings.fields.codexPath,
  config: HostSettings.fields.config,
  env: HostSettings.fields.env
})
const decodeInherited = Schema.decodeUnknownOption(Inherited)

/** Returns what a supervisor hands over. */
export const handOver = ({ codexPath, config, env }: HostSettings): typeof Inherited.Type => ({
  ...(codexPath === undefined ? {} : { codexPath }),
  config,
  env
})

/** Returns the settings with those of the supervisor before, unless the program asks for its own. */
export const inherit = (settings: HostSettings, handedOver: unknown): HostSettings =>
  settings.isSpecific
    ? settings
    : Option.match(decodeInherited(handedOver), {
        onNone: () => settings,
        onSome: (inherited) => ({ ...settings, ...inherited, isSpecific: true })
      })

/** Returns a digest of the settings that change what Codex does. */
export const digest = ({ config, env }: Pick<HostSettings, "config" | "env">): string =>
  createHash("sha256").update(CanonicalJson.canonicalJson({ config, env })).digest("hex").slice(0, 16)

/** Whether an option asks for certain settings of Codex. Without one, a program takes any. */
export const isSpecific = ({ config, env }: EngineHostOptions): boolean =>
  (config?.length ?? 0) > 0 || Object.keys(env ?? {}).length > 0
