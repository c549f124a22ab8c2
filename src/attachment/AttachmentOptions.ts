/** Options for staging files for a turn. */
import type * as Duration from "effect/Duration"

/**
 * Options of the layers of `Attachments`.
 * @since 0.1.0
 * @category models
 */
export interface AttachmentOptions {
  /** The directory for staged files, with mode 0700; default: `effect-codex/attachments` in the user's state directory (`XDG_STATE_HOME`, `~/.local/state`). */
  readonly directory?: string | undefined
  /** The only directory that files may come from; links are not followed. Default: files may come from anywhere. */
  readonly root?: string | undefined
  /** The maximum size of a file in bytes; default 20 MiB. */
  readonly maxBytes?: number | undefined
  /** The allowed media types, such as `["image/*", "text/plain"]`; default: all. */
  readonly mediaTypes?: ReadonlyArray<string> | undefined
  /** How long to keep files that are staged without their own `ttl`; default: as long as their scope. */
  readonly ttl?: Duration.Input | undefined
}

/**
 * Options for staging one file.
 * @since 0.1.0
 * @category models
 */
export interface StageOptions {
  /** A name that replaces the file's own. */
  readonly name?: string | undefined
  /** How long to keep the file from now on, even if its scope closes earlier. Never shortens the time of a staged file. */
  readonly ttl?: Duration.Input | undefined
}

/**
 * Options for bytes and streams. They have no file name, so `name` is required.
 * @since 0.1.0
 * @category models
 */
export interface NamedOptions extends StageOptions {
  readonly name: string
}
