import * as Schema from "effect/Schema"

/** A staged file. `path` is absolute and private to this process; `size` is in bytes; `sha256` in hexadecimal. */
export class Attachment extends Schema.Opaque<Attachment>()(
  Schema.Struct({
    path: Schema.String,
    /** The name that the file had. */
    name: Schema.String,
    size: Schema.Natural,
    /** `image/png`, `text/plain`, … told by the content and the name. */
    mediaType: Schema.String,
    sha256: Schema.String
  })
) {}
