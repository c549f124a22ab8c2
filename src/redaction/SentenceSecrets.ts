/** Masks secrets that a sentence or a label announces, also a few words before them or on the line above them. */
import * as ChosenPassword from "./ChosenPassword.ts"
import { mask } from "./mask.ts"

const password = "(?:password|passwd|passphrase|passcode|pass phrase)"
// A value in quotes may be a word: `The default password for the user "ada" is "…"`.
const inQuotes = new RegExp(
  `(\\b${password}(?:[ \\t]{1,4}[^\\s:=]{1,64}){0,8}?[ \\t]{1,4}(?:is|was|to|as)[ \\t:]{1,4}["'\`])(?!\\[redacted\\])[^\\s"'\`]{4,256}(?=["'\`])`,
  "gi"
)
// `Generated password for user ada: …`, also on the next line.
const labelled = new RegExp(
  `(\\b${password}(?:[ \\t]{1,4}[^\\s:=]{1,64}){0,10}?[ \\t]{0,4}[:=](?:[ \\t]{1,16}|\\s{1,32}))(?!\\[redacted\\])([^\\s"'\`]{6,256})(?=\\s{0,16}(?:$|\\n))`,
  "gi"
)
const reset = new RegExp(
  `(\\b${password}\\b[^\\r\\n]{0,128}\\s{1,8}new value:[ \\t]{1,16})(?!\\[redacted\\])[^\\s"'\`]{6,256}`,
  "gi"
)
const numberedKey =
  /(\b(?:unseal|recovery|root|master|encryption|initial root)[ _-](?:key|token)(?:[ _-]\d{1,2})?:[ \t]{1,16})(?!\[redacted\])[A-Za-z0-9+/=._-]{16,512}/gi
const phrase =
  /(\b(?:mnemonic|(?:seed|recovery|backup)[ _-]?(?:phrase|words))["']?\s{0,8}[:=]\s{0,8}["']?)(?:[a-z]{2,10}[ ,]{1,2}){11,23}[a-z]{2,10}/gi

// Every rule of this file needs one of these. Most text has none, so one test is enough for it.
const hint = /pass|mnemonic|phrase|words|(?:unseal|recovery|root|master|encryption)[ _-](?:key|token)/i

/** Masks the secrets that a sentence announces. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  let out = text
  if (/pass/i.test(out)) {
    out = out
      .replace(inQuotes, `$1${mask}`)
      .replace(labelled, (all, before: string, value: string) =>
        ChosenPassword.isLikely(value) ? before + mask : all
      )
    if (/new value:/i.test(out)) out = out.replace(reset, `$1${mask}`)
  }
  if (/(?:key|token)/i.test(out)) out = out.replace(numberedKey, `$1${mask}`)
  return /mnemonic|phrase|words/i.test(out) ? out.replace(phrase, `$1${mask}`) : out
}
