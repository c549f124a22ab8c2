/** Masks secrets in calls and settings of code and configuration: `setPassword("…")`, `#define API_KEY "…"`. */
import * as ChosenPassword from "./ChosenPassword.ts"
import * as SecretNames from "./SecretNames.ts"
import { mask } from "./mask.ts"

const quoted = `\\\\{0,4}["'\`](?!\\[redacted\\])`
const end = `[^"'\`\\r\\n\\\\]{1,1024}`

// Every pattern starts with a word or a sign that is rare: one that starts with any name tries each word of the text.
// A function that takes a secret alone: `setPassword("…")`, `withToken("…")`, `password.equals("…")`, `PASSWORD('…')`.
const setter = new RegExp(
  `((?<![A-Za-z])(?:set|with|use|add)_?(?:password|passwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key|credentials?)\\w{0,16}\\(\\s{0,64}${quoted})${end}`,
  "gi"
)
const comparison = new RegExp(
  `((?:password|passwd|passphrase|secret|token|apikey)(?:\\(\\))?\\.equals(?:IgnoreCase)?\\(\\s{0,64}${quoted})${end}`,
  "gi"
)
const sqlFunction = new RegExp(`(=\\s{0,8}(?:old_)?password\\(\\s{0,8}${quoted})${end}`, "gi")
// A function that takes a user and a password.
const basic = new RegExp(
  `((?:basic_?auth|authbasic|credentials?|getConnection|\\bauth=)\\(\\s{0,64}(?:[^()"'\\r\\n]{1,256},\\s{0,64})?\\\\{0,4}["'\`][^"'\`\\r\\n\\\\]{0,256}\\\\{0,4}["'\`]\\s{0,64},\\s{0,64}${quoted})${end}`,
  "gi"
)
// A setting and its value as arguments of a function, and a variable of the environment and its default.
const argument = new RegExp(
  `(\\((?:[\\w.&>$-]{1,64},\\s{0,16})?\\\\{0,4}["'\`]?([A-Za-z_][\\w.-]{0,127})\\\\{0,4}["'\`]?\\s{0,16},\\s{0,64}\\\\{0,4}["'\`]{1,2}(?!\\[redacted\\]))([^"'\`\\r\\n\\\\]{1,1024})`,
  "g"
)
const settingFunction = /(?:set|put|env|get|fetch|property|define|config|header|append|add|opt)\w{0,64}$/i

// A command or a directive that sets a name: `#define NAME "…"`, `git config NAME …`, `set -gx NAME …`, `setx NAME …`.
const assignment =
  /((?<![\w.-])(?:#[ \t]{0,8}define|define|setx|setenv|set|config(?:ure)?|secrets?|variable|env)(?:[ \t]{1,16}(?:set|add|put|create|--?[\w-]{1,32})){0,4}(?:[ \t]{1,16}|\())(["']?)([A-Za-z_/][\w./:-]{1,255})\2([ \t]{1,64}(?:--?(?:b|body|value|v)[ \t=]{1,4})?)(["']?)(?!\[redacted\])([^\s"'()]{1,1024})/gi
// A directive with a quoted value, or with a password as the last word of its line.
const directive =
  /((?:pass(?:word|wd|phrase|code)?|secret|token|key|psk|pwd|credentials?|auth)(?:[ \t]{1,64}\d)?[ \t]{1,64})(?:(["'])(?!\[redacted\])([^"'\r\n]{1,512})\2|(?!\[redacted\])([^\s"']{6,512}))(?=[ \t;]{0,16}$)/gim
const nameBefore = /(?<![\w.$/-])[A-Za-z][\w.-]{2,127}$/
// The rest of a value that continues in other quotes, and the new value after the old one.
const continued =
  /(\[redacted\]["'][\s\\]{0,64}(?:\+|\.|->|=>)?[\s\\]{0,64}["'])(?!\[redacted\])([^"'\r\n]{1,1024})(?=["'])/g

// A quote after a parenthesis, and one after a comma.
const firstQuoted = /\(\s{0,64}\\{0,4}["'`]/
const nextQuoted = /,\s{0,64}\\{0,4}["'`]/

const calls = (text: string): string => {
  const out = firstQuoted.test(text)
    ? text.replace(setter, `$1${mask}`).replace(comparison, `$1${mask}`).replace(sqlFunction, `$1${mask}`)
    : text
  if (!nextQuoted.test(out)) return out
  return out
    .replace(basic, `$1${mask}`)
    .replace(argument, (all, before: string, name: string, _, at: number, whole: string) =>
      SecretNames.isSecret(name) && settingFunction.test(whole.slice(Math.max(0, at - 64), at))
        ? before + mask
        : all
    )
}

const isDirectiveName = (name: string): boolean =>
  SecretNames.isSecret(name) && !/^(?:pass|PASS|sig|authorization|bearer|cookies?|pin|pat)$/.test(name)

const settings = (text: string): string =>
  text
    .replace(
      assignment,
      (all, before: string, quote: string, name: string, gap: string, open: string, value: string) =>
        SecretNames.isSecret(name) &&
        (open !== "" || ChosenPassword.isLikely(value) || /^[0-9a-f-]{32,}$/.test(value))
          ? `${before}${quote}${name}${quote}${gap}${open}${mask}`
          : all
    )
    .replace(
      directive,
      (all, before: string, quote: string | undefined, inner = "", plain = "", at: number, whole: string) => {
        const word = at + before.replace(/(?:[ \t]+\d)?[ \t]+$/, "").length
        const name = nameBefore.exec(whole.slice(Math.max(0, word - 128), word))?.[0] ?? ""
        if (!isDirectiveName(name)) return all
        if (quote !== undefined) return inner.length < 4 ? all : `${before}${quote}${mask}${quote}`
        const value = String(plain).replace(/;+$/, "")
        return ChosenPassword.isLikely(value) ? before + mask + String(plain).slice(value.length) : all
      }
    )

const hint = /pass|secret|token|key|cred|auth|psk|pwd|getConnection/i

/** Masks secrets in calls and settings. */
export const scrub = (text: string): string => {
  if (!hint.test(text)) return text
  let out = text.includes("(") ? calls(text) : text
  if (/[ \t]/.test(out)) out = settings(out)
  return out.includes(`${mask}"`) || out.includes(`${mask}'`) ? out.replace(continued, `$1${mask}`) : out
}
