/** How files are staged for a turn. */
import type * as Duration from "effect/Duration"

export interface AttachmentOptions {
  /** Where files are staged: a folder of mode 0700; default: one for each user below the temporary folder. */
  readonly directory?: string | undefined
  /** The only folder that files may come from, followed through no link; default: files may come from anywhere. */
  readonly root?: string | undefined
  /** The most bytes that a file may have; default 20 MiB. */
  readonly maxBytes?: number | undefined
  /** The types that are allowed, like `["image/*", "text/plain"]`; default: all. */
  readonly mediaTypes?: ReadonlyArray<string> | undefined
  /** How long files stay that are staged without a time of their own; default: as long as their scope. */
  readonly ttl?: Duration.Input | undefined
}

export interface StageOptions {
  /** A name other than that of the file. */
  readonly name?: string | undefined
  /** The file stays that long, from now, even if its scope closes before; it never shortens the time of a file that is staged already. */
  readonly ttl?: Duration.Input | undefined
}

/** What has no name of its own needs one. */
export interface NamedOptions extends StageOptions {
  readonly name: string
}
