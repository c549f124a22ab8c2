/**
 * Shows text so that a person sees every character of it. Nothing is removed: a character that a terminal acts upon, hides
 * or reorders, or that looks like an ASCII character, becomes an escape such as `\x1b`, `\u202e` or `\u{e0041}`.
 */
// Control, format, surrogate, private-use and unassigned characters, every separator but the blank, characters that a
// terminal ignores, and characters that have a glyph in name only.
const hidden =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\ufffc\ufffd\u{16fe4}\u{1d159}]|(?! )\p{Zs}/u

// Characters that a shell does not know but that look like punctuation that it does: slashes and backslashes, hyphens,
// quotes, bars, colons, dots, stars, tildes and angle brackets. Some are letters: a saltillo is an apostrophe to the eye. And
// symbols that look like ASCII letters.
const punctuation =
  /[\u2044\u2215\u2571\u27cb\u29f8\u3033\u2216\u2572\u27cd\u29f5\u29f9\u2010-\u2013\u2043\u2212\u2796\u02d7\u06d4\u02b9-\u02bf\u02c8\u02ca\u02cb\u02f4\u2018-\u201f\u2032-\u2037\u00b4\u05f3\u05f4\u055a\u055d\u05c0\u01c0\u01c3\u2223\u2502\u2503\u2758\u23d0\u2016\u2225\u02d0\u02d1\u02f8\u0589\u05c3\u2236\ua789\u0387\u2219\u22c5\u2217\u204e\u066d\u223c\u02dc\u2039\u203a\u02c2\u02c3\u276e\u276f\u27e8\u27e9\u2768-\u2775\u055c\u17d4\u3003\u2d51\ua778\u0384\u1fbd\u1fbf\u1ffe\ua78b\ua78c\u07f4\u07f5\u16cc\u1cd3\u02dd\u02f6\u02ee\u05f2\u2057\u3014\u3015\ufd3e\ufd3f\u2e28\u2e29\u16ed\u2795\u060d\u066b\u00b8\u061b\u204f\u2e35\ufe58\ua4fe\u0701\u0702\ua60e\u{10a50}\u1735\u2041\u{1d23a}\u31d3\u31d4\u2f02\u2f03\u2afd\u2afb\u0703\u0704\u16ec\u1803\u1809\u1806\u205a\u{1d236}\u16b2\u226a\u22d8\u1400\u2e40\u30a0\ua4ff\u{1d237}\u{16f3f}\u226b\u2a20\u22d9\u2aa5\u0294\u0241\u097d\ua6eb\u{1d20f}\u{1d23b}\u2cf9\u244a\u02c4\u02c6\u07fa\u{1d114}\u2053\u1fc0\u23fd\uffe8\u01c1\u2551\u2e3d\u2024\u2025\u22ff\u22a4\u27d9\u222a\u22c3\u2573\u166d\u166e\u237a\u2373\u2374\u212e\u02db\u037a\u20b6\u2228\u22c1\u292b\u292c\u2a2f\u{1f12a}\u{1d200}-\u{1d245}\u{1f700}-\u{1f773}]/u

/** The marks that show a line break and a tab. In the text itself they are escaped. */
const lineBreak = "\u23ce"
const tab = "\u21e5"

// The decomposed syllables of Korean: a terminal shows them as the composed ones.
const conjoining = /[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u
const mark = /\p{M}/u
// Letters of Latin alphabets in use. Any other one, such as `ꜱ`, is a letter of ASCII to the eye.
const ordinaryLatin = /[ªºßæœøđðþłħŋəıĸſÆŒØĐÐÞŁĦŊƏ]/u
const latinLetter = /\p{Script=Latin}/u
const latin = /[\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u
const maxMarks = 4

const words = /[\p{L}\p{N}\p{M}_]+/gu
const asciiWordCharacter = /[A-Za-z0-9]/
// Scripts that put no blank between words, so that ASCII words stand next to them in ordinary text.
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
// Characters of these scripts that are strokes like ASCII punctuation.
const strokes = /[\u30ce\u30fc\u4e00\u4e36\u4e28\u4e3f\u3007\u31d3\u31d4\u2f00\u2f01]/u

// Letters that look like a letter or digit of ASCII in common fonts. Scripts whose letters mostly do are listed whole.
const lookAlike =
  /[\u0251\u0261\u0269\u026a\u028f\u029f\u1d00-\u1d22\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c3\u03c5\u03f2\u03f3\u03f9\u0405\u0406\u0408\u0410\u0412\u0415\u0417\u041a\u041c-\u041e\u0420-\u0423\u0425\u042c\u0430\u0433\u0435\u043a\u043e\u043f\u0440\u0441\u0443\u0445\u044c\u0455\u0456\u0458\u0474\u0475\u04ae\u04af\u04bb\u04bd\u04c0\u04cf\u04d4\u04d5\u0501\u050c\u050d\u051a-\u051d\u054d\u054f\u0555\u0561\u0563\u0566\u0570\u0578\u057c\u057d\u0581\u0582\u0584\u0585\u0587\u05d5\u05d8\u05d9\u05df\u05e1\u0627\u0647\u0661\u0665\u06d5\u06f1\u07c0\u07ca\u0966\u09e6\u0a66\u0ae6\u0b20\u0b66\u0c66\u0ce6\u0d20\u0d66\u0e50\u0ed0\u1040\u10e7\u10ff\u2d54\u2d4f\u2d38\u2d39\u2d55\u2d5d\p{Script=Cherokee}\p{Script=Lisu}\p{Script=Deseret}\p{Script=Coptic}\p{Script=Carian}\p{Script=Lycian}\p{Script=Lydian}\p{Script=Old_Italic}\p{Script=Gothic}\p{Script=Canadian_Aboriginal}\p{Script=Warang_Citi}\p{Script=Elbasan}\p{Script=Osage}]/u

const escape = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  const digits = code.toString(16)
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\u{${digits}}`
}

const isAsciiCharacter = (character: string): boolean => (character.codePointAt(0) ?? 0) < 0x80

/** Whether a character that is not ASCII is unsafe whatever its neighbours are. */
const isUnsafe = (character: string): boolean =>
  hidden.test(character) ||
  punctuation.test(character) ||
  (latinLetter.test(character) &&
    !ordinaryLatin.test(character) &&
    character.normalize("NFD") === character) ||
  conjoining.test(character) ||
  character === lineBreak ||
  character === tab ||
  /^[\0-\x7f]+$/.test(character.normalize("NFKC")) ||
  character.normalize("NFC") !== character

/** Returns the positions of letters that imitate ASCII inside a word. */
const imitations = (characters: ReadonlyArray<string>): ReadonlyArray<number> => {
  const letters = characters.flatMap((character, index) =>
    isAsciiCharacter(character) || mark.test(character) ? [] : [index]
  )
  const at = (index: number) => characters[index] ?? ""
  if (characters.some((character) => asciiWordCharacter.test(character))) {
    const beside = (index: number) =>
      asciiWordCharacter.test(at(index - 1)) || asciiWordCharacter.test(at(index + 1))
    return letters.filter((index) => {
      const character = at(index)
      if (lookAlike.test(character) || (strokes.test(character) && beside(index))) return true
      return !/\p{Script=Latin}/u.test(character) && !unspaced.test(character)
    })
  }
  return letters.every((index) => lookAlike.test(at(index))) ? letters : []
}

/** Which characters to escape. */
const escaped = (characters: ReadonlyArray<string>): ReadonlyArray<boolean> => {
  const out: Array<boolean> = []
  let base = ""
  let marks = ""
  for (const character of characters) {
    if (isAsciiCharacter(character)) {
      out.push(character < " " || character === "\x7f")
      base = character
      marks = ""
    } else if (mark.test(character)) {
      // A mark on a Latin letter makes another spelling of a letter with an accent, or hides in it (a dot on an i).
      const cluster = base + marks + character
      const unsafe =
        base === "" ||
        latin.test(base) ||
        marks.length >= maxMarks ||
        hidden.test(character) ||
        cluster.normalize("NFC") !== cluster
      out.push(unsafe)
      marks += character
    } else {
      const unsafe = isUnsafe(character)
      out.push(unsafe)
      base = unsafe ? "" : character
      marks = ""
    }
  }
  return out
}

const plain = /^[\x20-\x7e\n\t]*$/

const escapesOf = (text: string, characters: ReadonlyArray<string>): ReadonlyArray<boolean> => {
  if (plain.test(text)) return characters.map((character) => character < " ")
  const escapes = Array.from(escaped(characters))
  let index = 0
  let offset = 0
  for (const { 0: word, index: start } of text.matchAll(words)) {
    for (; offset < start; index++) offset += characters[index]?.length ?? 1
    if (/^[\x21-\x7e]*$/.test(word)) continue
    for (const position of imitations(Array.from(word))) escapes[index + position] = true
  }
  return escapes
}

const render = (text: string, breakLines: string): string => {
  const characters = Array.from(text)
  const escapes = escapesOf(text, characters)
  let out = ""
  let backslashes = 0
  for (const [index, character] of characters.entries()) {
    const shown =
      character === "\n"
        ? breakLines
        : character === "\t"
          ? tab
          : escapes[index] === true
            ? escape(character)
            : character
    if (character === "\\") backslashes++
    else {
      // A backslash of the text must not look like one of ours: before an escape, `x` or `u`, it is doubled.
      if (backslashes > 0 && /^[\\xu]/.test(shown)) out += "\\".repeat(backslashes)
      backslashes = 0
    }
    out += shown
  }
  return out
}

/**
 * Makes every character visible. A line break is shown as `⏎` and breaks the line, a tab as `⇥`. Different texts are shown
 * differently: a backslash before an escape, an `x` or a `u` is doubled, so an escape of ours has an odd number of them.
 */
export const visible = (text: string): string => render(text, `${lineBreak}\n`)

/** The same on one line. */
export const visibleLine = (text: string): string => render(text, lineBreak)

const jsonEscape = (text: string): string =>
  text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

// What a terminal or a reader of lines acts upon.
const unsafeInJson = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Escapes line separators, control, bidi and other invisible characters in a text that is JSON. The value stays the same. */
export const escapeJson = (json: string): string => json.replace(unsafeInJson, jsonEscape)

/**
 * Writes a value as JSON on one line, for programs: line separators, control, bidi and other invisible characters are
 * escaped. The value stays the same.
 */
export const jsonLine = (value: unknown): string => escapeJson(JSON.stringify(value) ?? "null")

/** Writes a value as indented JSON, for people. Escapes what `visible` escapes; the value stays the same. */
export const visibleJson = (value: unknown): string => {
  const text = JSON.stringify(value, null, 2) ?? "null"
  const characters = Array.from(text)
  const escapes = escapesOf(text, characters)
  return characters
    .map((character, index) =>
      escapes[index] === true && character !== "\n" ? jsonEscape(character) : character
    )
    .join("")
}

// Sequences that only set colours or move the cursor. They contain no text.
const csi = /\u001b\[[0-?]*[ -/]*[@-~]/g
// The parts of emoji, and everything else that a terminal acts upon, hides or reorders.
const unprintable =
  /(?<=\p{Extended_Pictographic})\ufe0f|(?<=\p{Extended_Pictographic}\ufe0f?)\u200d(?=\p{Extended_Pictographic})|((?![\n\t])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}])/gu

/**
 * Makes text harmless for a terminal and keeps it readable: for output, not for approvals. Removes colours, shows other
 * control, bidi and invisible characters as escapes, and keeps line breaks, tabs, typography and emoji.
 */
export const printable = (text: string): string =>
  text
    .replace(csi, "")
    .replaceAll("\r\n", "\n")
    .replace(unprintable, (character, unsafe?: string) => (unsafe === undefined ? character : escape(unsafe)))

// A sequence that only sets a colour.
const colour = /\u001b\[[\d;]{0,32}m/g

/** Makes text harmless for a terminal, and keeps colours: for output that consists of our own text and text from outside. */
export const printableWithColours = (text: string): string => {
  let out = ""
  let from = 0
  for (const { 0: sequence, index } of text.matchAll(colour)) {
    out += printable(text.slice(from, index)) + sequence
    from = index + sequence.length
  }
  return out + printable(text.slice(from))
}

/** The same on one line, cut to `width` characters. */
export const printableLine = (text: string, width: number): string => {
  const line = printable(text.replace(/\s+/g, " ").trim())
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1)).toWellFormed()}…` : line
}
