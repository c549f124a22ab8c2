/** Names of staged files: what people and models are shown, and what stands on disk. Pure. */

/** The longest name, in bytes of UTF-8: what every file system takes, with room for what is put before it. */
export const maxBytes = 200

// What a terminal acts upon, and what reorders text or hides in it.
const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

const bytes = (text: string): number => Buffer.byteLength(text)

/** The beginning of a text, whole characters only. */
const cut = (text: string, limit: number): string => {
  let kept = ""
  let size = 0
  for (const character of text) {
    size += bytes(character)
    if (size > limit) break
    kept += character
  }
  return kept
}

/** The last dot and what follows, where that looks like the kind of a file. */
export const extension = (name: string): string => /(?<=.)\.[^.\s]{1,16}$/u.exec(name)?.[0] ?? ""

const shortened = (name: string): string => {
  if (bytes(name) <= maxBytes) return name
  const end = extension(name)
  return `${cut(name.slice(0, name.length - end.length), maxBytes - bytes(end)).trimEnd()}${end}`
}

/**
 * The last part of a path as a name that is safe to show and to pass on: one line, no separators, no control, bidi or
 * invisible characters, no leading `-`, at most `maxBytes` long. Nothing where nothing is left of it.
 */
export const sanitize = (given: string): string | undefined => {
  // Before the separators are looked for: nothing that is taken out may have hidden one.
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
  const name = bare(shortened(bare((last ?? "").replace(/^-+/, (dashes) => "_".repeat(dashes.length)))))
  return name === "" ? undefined : name
}

// Windows drops dots and blanks at the end; without them `.` and `..` are gone too.
const bare = (name: string): string => name.replace(/[.\s]+$/u, "")

/** A name that is sane already, as it stands on disk: a model may well paste the path into a shell without quoting it. */
export const onDisk = (name: string): string =>
  name.replace(/[^\p{L}\p{M}\p{N}._+@=-]/gu, "_").replace(/^[-~]/, "_")
