import * as Schema from "effect/Schema"

/**
 * A staged file. `path` is absolute and private to this process; `size` is in bytes; `sha256` in hexadecimal.
 * @since 0.1.0
 * @category schemas
 */
export class Attachment extends Schema.Opaque<Attachment>()(
  Schema.Struct({
    path: Schema.String,
    /** The original name of the file. */
    name: Schema.String,
    size: Schema.Natural,
    /** The media type according to content and name, for example `image/png`. */
    mediaType: Schema.String,
    sha256: Schema.String
  })
) {}
