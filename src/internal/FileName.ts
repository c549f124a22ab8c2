/** Names of staged files: the name that people and models see, and the name on disk. Pure. */

/** The maximum length of a name in bytes of UTF-8. Every file system accepts it, with room for a prefix. */
export const maxBytes = 200

// Characters that a terminal interprets, that reorder text, or that are invisible.
const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

const bytes = (text: string): number => Buffer.byteLength(text)

/** Returns the beginning of a text with at most `limit` bytes, without splitting a character. */
const truncate = (text: string, limit: number): string => {
  let kept = ""
  let size = 0
  for (const character of text) {
    size += bytes(character)
    if (size > limit) break
    kept += character
  }
  return kept
}

/** Returns the extension with its dot, or an empty string if the name has none. */
export const extension = (name: string): string => /(?<=.)\.[^.\s]{1,16}$/u.exec(name)?.[0] ?? ""

const shorten = (name: string): string => {
  if (bytes(name) <= maxBytes) return name
  const end = extension(name)
  return `${truncate(name.slice(0, name.length - end.length), maxBytes - bytes(end)).trimEnd()}${end}`
}

/**
 * Returns the last part of a path as a name that is safe to show and to pass on: one line, no separators, no control, bidi
 * or invisible characters, no leading `-`, at most `maxBytes` long. Returns `undefined` if no character remains.
 */
export const sanitize = (given: string): string | undefined => {
  // Before the search for separators, because a removed character could hide one.
  const visible = given
    .toWellFormed()
    .replace(/\s+/gu, " ")
    .replace(hidden, "")
    .replace(/ +/g, " ")
    .normalize("NFC")
  const last = visible
    .split(/[/\\]/)
    .map((part) => part.trim())
    .findLast((part) => part !== "")
  const name = trimTrailing(
    shorten(trimTrailing((last ?? "").replace(/^-+/, (dashes) => "_".repeat(dashes.length))))
  )
  return name === "" ? undefined : name
}

// Windows drops trailing dots and blanks. Removing them also removes the names `.` and `..`.
const trimTrailing = (name: string): string => name.replace(/[.\s]+$/u, "")

/** Returns the name on disk of a sanitized name. It needs no quotes, because a model may paste the path into a shell. */
export const onDisk = (name: string): string =>
  name.replace(/[^\p{L}\p{M}\p{N}._+@=-]/gu, "_").replace(/^[-~]/, "_")
