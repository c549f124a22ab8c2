/** What a POSIX shell would make of a command line, as far as a rule may judge it. */

const wordBreak = /[ \t]/
const shells = /(?:^|\/)(?:bash|sh|zsh|dash)$/
const runScript = /^-l?c$/

/** Splits a command line into words as a shell would, quotes resolved; `undefined` where a quote is left open. */
export const words = (line: string): ReadonlyArray<string> | undefined => {
  const out: Array<string> = []
  let word: string | undefined
  let quote: "'" | '"' | undefined
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i)
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word += char
    } else if (char === "\\") {
      const next = line.charAt(i + 1)
      if (next === "") return undefined
      // Inside double quotes a backslash only escapes what would be special there.
      word = (word ?? "") + (quote === undefined || '$`"\\'.includes(next) ? next : char + next)
      i++
    } else if (quote === '"') {
      if (char === '"') quote = undefined
      else word += char
    } else if (char === "'" || char === '"') {
      quote = char
      word ??= ""
    } else if (wordBreak.test(char)) {
      if (word !== undefined) out.push(word)
      word = undefined
    } else {
      word = (word ?? "") + char
    }
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) out.push(word)
  return out
}

/** What stands inside `/bin/bash -c '…'`; a line without such a wrapper is its own script. */
export const script = (command: string): string => {
  const parts = words(command)
  if (parts === undefined || parts.length !== 3) return command
  const [shell, flag, inner] = parts
  return shell !== undefined &&
    flag !== undefined &&
    inner !== undefined &&
    shells.test(shell) &&
    runScript.test(flag)
    ? inner
    : command
}

// Anything that starts a second command, expands to something else or writes to a file. Deliberately blind to quotes:
// a rule that says no too often costs a question, one that says yes too often costs the machine.
const beyondOneCommand = /[;|&$`<>(){}*?[\]#!\u0000-\u0008\u000a-\u001f\u007f]|(?:^|[ \t=:])~/
const assignment = /^[A-Za-z_]\w*\+?=/

/** The argv of one simple command; `undefined` for anything that a shell could make more of. */
export const argv = (source: string): ReadonlyArray<string> | undefined => {
  if (beyondOneCommand.test(source)) return undefined
  const parts = words(source)
  return parts === undefined || parts[0] === undefined || assignment.test(parts[0]) ? undefined : parts
}

/** The base name of the program that a script starts with, after `KEY=value` assignments; low in cardinality. */
export const executable = (command: string): string => {
  const first = (words(script(command)) ?? script(command).split(/\s+/)).find(
    (word) => !assignment.test(word)
  )
  const name = first?.slice(first.lastIndexOf("/") + 1) ?? ""
  return /^[\w.+-]{1,64}$/.test(name) ? name : "sh"
}
