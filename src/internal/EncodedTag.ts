/** Discriminators with another name in the encoded form. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Makes the `_tag` field of a union's member. Types use PascalCase tags. `encoded` is the name in stored files and JSON,
 * which stays stable. Constructors fill the field in, as with `Schema.tag`.
 */
export const encodedTag = <const Tag extends string, const Encoded extends string>(
  tag: Tag,
  encoded: Encoded
) =>
  Schema.Literal(encoded)
    .transform(tag)
    .pipe(Schema.withConstructorDefault(Effect.succeed(tag)))
